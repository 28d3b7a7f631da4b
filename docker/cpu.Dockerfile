# The image for CPUs: Debian and one program.
#
#     docker build -f docker/cpu.Dockerfile -t brazier .
#
# scripts/build-image does the same, measures it and lists what is inside; it can also take a program built outside.

ARG RUST=rust:1.95-bookworm
ARG BASE=debian:bookworm-slim
# Where the program comes from: `built` compiles it, `given` takes the context's file `brazier`. BuildKit leaves out the
# stage that nothing asks for.
ARG PROGRAM=built

FROM ${RUST} AS built
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist && cp target/dist/brazier /brazier

FROM scratch AS given
COPY brazier /brazier

FROM ${PROGRAM} AS program

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
# SageMaker hands a port over only to images that say they take one, and models only to those that hold several.
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true" \
    com.amazonaws.sagemaker.capabilities.multi-models="true" \
    org.opencontainers.image.title="brazier" \
    org.opencontainers.image.description="Trains image classifiers and serves them; takes the place of SageMaker's Image Classification - MXNet" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=program /brazier /usr/local/bin/brazier
EXPOSE 8080
# No USER: the platform's folders can be opened by root alone; the program itself gives root's other rights up. No shell:
# SIGTERM goes to the program itself. `train` is the default because local mode of the SageMaker SDK 3 gives no argument.
ENTRYPOINT ["/usr/local/bin/brazier"]
CMD ["train"]
