# Telvisor with its embedded default: SQLite, in-process queue, simulated hypervisor.
# NOT YET RUN: written without a container runtime at hand; docker-compose.yml beside it neither.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin telvisor

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin telvisor \
    && install --directory --owner=telvisor --mode=0700 /data
COPY --from=build /src/target/release/telvisor /usr/local/bin/telvisor
USER telvisor
WORKDIR /data
VOLUME /data
ENV TELVISOR_DATA=/data
# Of the server's default address; one who listens elsewhere sets HEALTH_URL, too.
ENV HEALTH_URL=http://127.0.0.1:8080/health/ready
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD curl --silent --fail --output /dev/null "$HEALTH_URL"
# SIGTERM drains and stops.
STOPSIGNAL SIGTERM
ENTRYPOINT ["telvisor"]
CMD ["serve"]
