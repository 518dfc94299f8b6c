# Telvisor in an image that holds the binary, the libraries it is linked with, and certificates: no shell, no tools.
# NEVER RUN HERE: written without a container runtime at hand. `make cluster CHECK=1` runs the binary in the root
# that docker/rootfs.sh gathers, where it may.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin telvisor \
    && docker/rootfs.sh target/release/telvisor /rootfs \
    && mkdir -p /folders/data/sdr /folders/run/telvisor /folders/world

FROM scratch
COPY --from=build /rootfs/ /
# New volumes take over whose folder it was.
COPY --from=build --chown=10001:10001 /folders/ /
USER 10001:10001
WORKDIR /data
VOLUME /data
ENV PATH=/usr/local/bin
ENV TELVISOR_DATA=/data
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["telvisor", "health"]
# SIGTERM drains and stops.
STOPSIGNAL SIGTERM
ENTRYPOINT ["telvisor"]
CMD ["serve"]
