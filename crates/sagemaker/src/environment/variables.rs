//! The table of all environment variables, and its page for people.

use std::fmt::Write;

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Name.
    pub name: &'static str,
    /// What is so without it.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

pub(super) const BASE_DIRECTORY: &str = "SAGEMAKER_BASE_DIR";
pub(super) const JOB_NAME: &str = "TRAINING_JOB_NAME";
pub(super) const PORT: &str = "SAGEMAKER_BIND_TO_PORT";
/// Read by `brazier-model`, which computes.
const KERNELS: &str = "BRAZIER_KERNELS";
pub(super) const COMPUTE_DTYPE: &str = "BRAZIER_COMPUTE_DTYPE";
pub(super) const PRETRAINED: &str = "BRAZIER_PRETRAINED";
pub(super) const BATCH: &str = "SAGEMAKER_BATCH";
pub(super) const MAX_PAYLOAD: &str = "SAGEMAKER_MAX_PAYLOAD_IN_MB";
pub(crate) const WORLD_SIZE: &str = "WORLD_SIZE";
pub(crate) const RANK: &str = "RANK";
pub(crate) const MASTER_ADDR: &str = "MASTER_ADDR";
pub(crate) const MASTER_PORT: &str = "MASTER_PORT";
pub(super) const DEFAULT_ACCEPT: &str = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT";
pub(super) const MULTI_MODEL: &str = "SAGEMAKER_MULTI_MODEL";
pub(super) const MODEL_MEMORY: &str = "BRAZIER_MODEL_MEMORY_MB";
pub(super) const MAX_WAITING: &str = "BRAZIER_MAX_WAITING";
pub(super) const MAX_CONNECTIONS: &str = "BRAZIER_MAX_CONNECTIONS";
pub(super) const DEADLINE: &str = "BRAZIER_DEADLINE_SECONDS";
pub(super) const IDLE: &str = "BRAZIER_IDLE_SECONDS";
pub(super) const PAGE: &str = "BRAZIER_PAGE";
pub(super) const LOG: &str = "BRAZIER_LOG";
pub(super) const ECHO_ATTRIBUTES: &str = "BRAZIER_ECHO_ATTRIBUTES";

/// All of them, for documentation.
pub static VARIABLES: &[Variable] = &[
    Variable {
        name: BASE_DIRECTORY,
        default: "/opt/ml",
        help: "Root of the tree that the platform mounts at /opt/ml; for tests.",
    },
    Variable { name: JOB_NAME, default: "unset", help: "Name of the training job, set by the platform." },
    Variable {
        name: PORT,
        default: "8080",
        help: "Port to serve on, set by the platform for pipelines and for endpoints of several containers.",
    },
    Variable {
        name: BATCH,
        default: "false",
        help: "`true` when serving a batch transform job, set by the platform: answers are `{\"prediction\": [...]}`.",
    },
    Variable {
        name: MAX_PAYLOAD,
        default: "25",
        help: "Largest request body in MiB; 0 means the platform's most, 100.",
    },
    Variable {
        name: KERNELS,
        default: "auto",
        help: "What computes layers on the processor: `auto`, the fastest instructions it has; `amx`, `avx512`, `avx2` or `portable`, \
            those; `flex`, burn's own kernels.",
    },
    Variable {
        name: COMPUTE_DTYPE,
        default: "float32",
        help: "What the convolutions of a served model multiply on the processor: `float32`; `bfloat16`, of which processors with \
            AVX-512 BF16 multiply twice as many, and probabilities differ in their third digit. Sums are float32.",
    },
    Variable {
        name: PRETRAINED,
        default: "/opt/brazier/pretrained",
        help: "Folder of weights for use_pretrained_model.",
    },
    Variable {
        name: WORLD_SIZE,
        default: "1",
        help: "Processes that train together, where the platform names no other hosts; set by launchers.",
    },
    Variable { name: RANK, default: "unset", help: "With `WORLD_SIZE`: which of them this is, from 0." },
    Variable { name: MASTER_ADDR, default: "unset", help: "With `WORLD_SIZE`: name or address of rank 0." },
    Variable { name: MASTER_PORT, default: "7860", help: "Port at which rank 0 waits for the other ranks." },
    Variable {
        name: DEFAULT_ACCEPT,
        default: "application/json",
        help: "Media type of answers to requests that do not ask for one: application/json, application/jsonlines or \
            application/json;verbose.",
    },
    Variable {
        name: MULTI_MODEL,
        default: "false",
        help: "`true` on a multi-model endpoint, set by the platform: models come and go by `/models`, and none is \
            loaded at the start.",
    },
    Variable {
        name: MODEL_MEMORY,
        default: "half of the memory",
        help: "MiB that the weights of a multi-model endpoint's models may take; the model asked for the longest ago \
            then waits on disk.",
    },
    Variable {
        name: MAX_WAITING,
        default: "128",
        help: "Requests that may wait for their answer; one more gets 429 at once.",
    },
    Variable {
        name: MAX_CONNECTIONS,
        default: "1000",
        help: "Open connections; one more gets 503 and is closed.",
    },
    Variable {
        name: DEADLINE,
        default: "50",
        help: "Seconds from a request to its answer, then it gets 503; the platform gives up after 60. More is of use \
            only for asynchronous endpoints and batch transform.",
    },
    Variable { name: IDLE, default: "75", help: "Seconds that a connection stays open without a request." },
    Variable { name: PAGE, default: "true", help: "Whether `GET /` answers a page for people." },
    Variable {
        name: LOG,
        default: "text",
        help: "`json` for one JSON object a line on standard error, one for each request but `/ping`; `text` for lines \
            of a person, none for requests that are answered.",
    },
    Variable {
        name: ECHO_ATTRIBUTES,
        default: "false",
        help: "Whether answers carry the request's `X-Amzn-SageMaker-Custom-Attributes` back.",
    },
];

const OPENING: &str = "# Environment variables

Written from the table in `src/environment/variables.rs`; after a change there, run
`BRAZIER_BLESS=1 cargo test -p brazier-sagemaker`.

Empty values count as unset. Yes and no are `true`, `1`, `on` and `false`, `0`, `off`, in any case of letters. A value that
cannot be used ends the program with a message that names it; variables that are not listed are not read, but for those of
the AWS SDK (`AWS_REGION`, `AWS_ENDPOINT_URL_S3`, `AWS_PROFILE`, the credentials), where `s3://` locations are given.

| Name | Default | Meaning |
| --- | --- | --- |
";

/// `ENVIRONMENT.md`, whole.
pub fn markdown() -> String {
    let mut page = OPENING.to_string();
    for Variable { name, default, help } in VARIABLES {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {default} | {help} |");
    }
    page
}
