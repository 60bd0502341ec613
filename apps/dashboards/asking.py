"""Questions: what is asked before something that can't be undone, in a dialog or on a page of its own."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.dashboards import shell


def is_dialog(request: HttpRequest) -> bool:
    """Return whether a script opened a dialog for the answer."""
    return request.headers.get("X-Requested-With") == "dialog"


def ask(
    request: HttpRequest,
    page: str,
    question: str,
    title: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Answer with the question's template alone for a dialog, else with a page of its own around it.

    page:      whose place in the menu it has
    question:  the template; its heading is `ask-title`
    """
    asked = dict(context) | {"question": question, "question_title": title}
    if is_dialog(request):
        for form in asked.values():
            if isinstance(
                form, forms.BaseForm
            ):  # the page behind may have fields of the same names
                form.auto_id = "ask_%s"
        return render(request, question, asked, status=status)
    return render(request, "desk/question.html", shell.around(request, page) | asked, status=status)
