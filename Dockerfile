# UmbraChat with its private PostgreSQL:
#   docker build -t umbrachat .
#   docker run --publish 127.0.0.1:8000:8000 --volume umbrachat:/var/lib/umbrachat umbrachat
# With DATABASE_URL and UMBRA_KEYS set it uses that database instead. docs/deployment.md tells more.

FROM rust:1-slim-trixie AS build
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN SQLX_OFFLINE=true cargo build --locked --release

FROM debian:trixie-slim
# postgresql-common first: by its setting the package makes no cluster of its own. What is removed is PostgreSQL's
# just-in-time compiler, a third of the image and of no use to queries that take a millisecond.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
 && sed -i 's/^[# ]*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && apt-get install --yes --no-install-recommends postgresql \
 && rm -rf /var/lib/apt/lists/* /usr/lib/*/libLLVM* /usr/lib/*/libz3* /usr/lib/postgresql/*/lib/llvmjit* \
           /usr/lib/postgresql/*/lib/bitcode
RUN useradd --uid 10001 --user-group --shell /usr/sbin/nologin --create-home --home-dir /var/lib/umbrachat umbrachat \
 && chmod 700 /var/lib/umbrachat
COPY --from=build /src/target/release/umbrachat /usr/local/bin/umbrachat

USER umbrachat
ENV DATA_DIR=/var/lib/umbrachat LISTEN=0.0.0.0:8000
VOLUME /var/lib/umbrachat
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["umbrachat", "healthcheck"]
ENTRYPOINT ["umbrachat"]
