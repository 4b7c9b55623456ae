# One image for all three services: docker-compose.yml says which process a container runs.
# For a reproducible image give the base by digest: --build-arg BASE=python:3.13-slim-bookworm@sha256:...
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
RUN python -m venv /opt/tizilim
COPY requirements.lock ./
RUN /opt/tizilim/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml LICENSE ./
COPY services services
COPY migrations migrations
RUN /opt/tizilim/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM ${BASE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tizilim \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/tizilim /var/lib/tizilim-signer /var/lib/tizilim-keys
COPY --from=build /opt/tizilim /opt/tizilim
ENV PATH=/opt/tizilim/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/tizilim
ENTRYPOINT []
CMD ["tizilim", "--help"]
