# Warmline in a container: the pages, then the binary, then nothing but the two.
# Build:  docker build -t warmline .
# Secrets come in when it runs (environment or mounted files), never while it is built.

FROM node:22-bookworm-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM rust:1.95-bookworm AS binary
WORKDIR /src
COPY .cargo/ .cargo/
COPY Cargo.toml Cargo.lock ./
COPY crates/ crates/
COPY xtask/ xtask/
# The pages are part of the binary.
COPY --from=pages /src/web/dist/ web/dist/
COPY --from=pages /src/web/dist-console/ web/dist-console/
COPY --from=pages /src/web/dist-widget/ web/dist-widget/
RUN cargo build --release --locked --package warmline \
    # The data directory, for its owner and mode: the last image has no shell to make it.
    && install --directory --mode=0700 /out/var/lib/warmline \
    && install -D --mode=0755 target/release/warmline /out/usr/local/bin/warmline

# The C library, root certificates and a user without rights (65532); no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=binary /out/usr/local/bin/warmline /usr/local/bin/warmline
COPY --from=binary --chown=65532:65532 /out/var/lib/warmline /var/lib/warmline
USER 65532:65532
# Plain http inside the container's network: WARMLINE_PUBLIC_URL must be the https address of the
# proxy in front, or Warmline does not start.
ENV WARMLINE_LISTEN=0.0.0.0:8080 \
    WARMLINE_DATA_DIR=/var/lib/warmline
VOLUME ["/var/lib/warmline"]
EXPOSE 8080
# The orderly end; it takes up to 22 seconds: docker stop --time 30.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/warmline", "health"]
ENTRYPOINT ["/usr/local/bin/warmline"]
CMD ["serve"]
