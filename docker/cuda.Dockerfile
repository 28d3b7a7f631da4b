# The image for NVIDIA's GPUs, V100 to Blackwell; on a machine without one it computes on the CPU.
#
#     docker build -f docker/cuda.Dockerfile -t brazier:cuda .
#
# Debian, one program, and the three things it opens when it runs: NVRTC, the CUDA headers and NCCL. The driver comes
# from the host (NVIDIA's container runtime). scripts/build-image does the same, measures it and lists what is inside.

ARG RUST=rust:1.95-bookworm
ARG PYTHON=python:3.12-slim-bookworm
ARG BASE=debian:bookworm-slim
# Where the program and the toolkit come from: `built` and `fetched` make them, `given` takes the context's file
# `brazier` and folder `cuda`. BuildKit leaves out the stages that nothing asks for.
ARG PROGRAM=built
ARG TOOLKIT=fetched

FROM ${RUST} AS built
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist --features cuda && cp target/dist/brazier /brazier

FROM ${PYTHON} AS fetched
COPY scripts/cuda/toolkit docker/cuda.txt /
RUN python3 /toolkit /cuda.txt /cuda

FROM scratch AS given
COPY brazier /brazier
COPY cuda /cuda

FROM ${PROGRAM} AS program
FROM ${TOOLKIT} AS toolkit

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
COPY --from=toolkit /cuda /opt/cuda
COPY --from=program /brazier /usr/local/bin/brazier
# The driver's libraries are injected, by older hosts under /usr/local/nvidia. Nothing is said in NVIDIA_REQUIRE_CUDA: it
# would keep the image from starting beside an older driver, where it can still compute on the CPU.
ENV CUDA_PATH=/opt/cuda \
    LD_LIBRARY_PATH=/opt/cuda/lib:/usr/local/nvidia/lib64:/usr/local/nvidia/lib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 8080
# As in cpu.Dockerfile: root, no shell, and `train` where the SDK gives no argument.
ENTRYPOINT ["/usr/local/bin/brazier"]
CMD ["train"]
