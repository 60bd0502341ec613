# One image for web, feed, worker and beat. Assets are built while the image is.
FROM python:3.12-slim

RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 desk && install -d -o desk /tradehub /data
USER desk
WORKDIR /tradehub
COPY --chown=desk . .
RUN make setup && rm -rf node_modules var
ENV TRADEHUB_HOME=/data PYTHONUNBUFFERED=1
EXPOSE 8000
CMD [".venv/bin/python", "manage.py", "desk"]
