"""How EMAIL_URL is read."""

import stat

import pytest

from tradehub import env


def read(monkeypatch, tmp_path, value: str | None) -> env.Mail:
    monkeypatch.delenv("EMAIL_URL_FILE", raising=False)
    monkeypatch.setenv("EMAIL_URL", value or "")
    return env.mail("EMAIL_URL", tmp_path)


def test_without_it_letters_lie_in_a_folder_of_the_desks_user(monkeypatch, tmp_path) -> None:
    found = read(monkeypatch, tmp_path, None)
    assert found.folder == str(tmp_path / "mail")
    assert found.backend.endswith("filebased.EmailBackend")
    assert stat.S_IMODE((tmp_path / "mail").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("value", "port", "starts_tls", "is_tls"),
    [
        ("smtp://mail.example.com", 25, False, False),
        ("smtp+tls://mail.example.com", 587, True, False),
        ("smtps://mail.example.com", 465, False, True),
        ("smtp+tls://mail.example.com:2525", 2525, True, False),
    ],
)
def test_a_server_is_named_by_scheme_host_and_port(
    monkeypatch, tmp_path, value: str, port: int, starts_tls: bool, is_tls: bool
) -> None:
    found = read(monkeypatch, tmp_path, value)
    assert (found.host, found.port) == ("mail.example.com", port)
    assert (found.starts_tls, found.is_tls) == (starts_tls, is_tls)
    assert not (tmp_path / "mail").exists()


def test_name_and_password_may_hold_any_sign(monkeypatch, tmp_path) -> None:
    found = read(monkeypatch, tmp_path, "smtps://desk%40example.com:p%3A%2F@mail.example.com")
    assert (found.user, found.password) == ("desk@example.com", "p:/")


@pytest.mark.parametrize("value", ["console:", "console://"])
def test_the_console_is_a_choice(monkeypatch, tmp_path, value: str) -> None:
    assert read(monkeypatch, tmp_path, value).backend.endswith("console.EmailBackend")


@pytest.mark.parametrize("value", ["mail.example.com", "smtp://", "http://x", "smtp://x:port"])
def test_what_is_no_server_stops_the_start(monkeypatch, tmp_path, capsys, value: str) -> None:
    with pytest.raises(env.WrongSetting):
        read(monkeypatch, tmp_path, value)
    assert "EMAIL_URL" in capsys.readouterr().err
