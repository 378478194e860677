# syntax=docker/dockerfile:1
FROM python:3.13.16-slim-bookworm AS builder
WORKDIR /build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13.16-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin newsfeed
COPY --from=builder /venv /venv
# Nothing is written but in /tmp and /dev/shm, so the root file system may be read-only.
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY . .
RUN python -m compileall -q . \
    && SECRET_KEY=only-to-collect-the-static-files python manage.py collectstatic --no-input
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn"]
