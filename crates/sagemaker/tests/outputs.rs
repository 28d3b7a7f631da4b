//! What the container tells the platform: failure text, log lines, and the environment it obeys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use brazier_sagemaker::environment::{Environment, EnvironmentError, VARIABLES, markdown};
use brazier_sagemaker::failure::{self, Fault};
use brazier_sagemaker::log::{Level, line, line_at};
use brazier_sagemaker::paths::Paths;
use brazier_sagemaker::place::Place;
use brazier_sagemaker::resources::Resources;
use brazier_sagemaker::{banner, hyperparameters};

#[test]
fn the_first_failure_stays() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    assert!(failure::write(&paths, Fault::Client, "no such\n\tchannel\r\n").unwrap());
    assert!(!failure::write(&paths, Fault::Platform, "later").unwrap());
    assert_eq!(fs::read_to_string(paths.failure()).unwrap(), "ClientError: no such channel");
    let names: Vec<_> =
        fs::read_dir(folder.path().join("output")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "data and failure, no temporary file: {names:?}");
}

#[test]
fn a_failure_is_less_than_a_thousand_characters() {
    let text = failure::text(Fault::Algorithm, &"日本".repeat(2000));
    assert_eq!(text.chars().count(), 999);
    assert!(text.starts_with("AlgorithmError: 日本"));
    assert!(failure::text(Fault::Platform, "disk full").starts_with("InternalServerError: "));
    assert_eq!([Fault::Algorithm, Fault::Client, Fault::Platform].map(Fault::exit_code), [1, 2, 4]);
}

#[test]
fn output_folders_may_exist() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    paths.create_outputs().unwrap();
    paths.create_outputs().unwrap();
    assert!(paths.model().is_dir() && paths.output_data().is_dir());
}

#[test]
fn an_output_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    fs::create_dir(folder.path().join("output")).unwrap();
    fs::write(paths.output_data(), "in the way").unwrap();
    let error = paths.create_outputs().unwrap_err();
    let words = format!("cannot create {}: ", paths.output_data().display());
    assert!(error.to_string().starts_with(&words), "{error}");
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn a_line_has_the_built_ins_prefix() {
    let time = chrono::DateTime::from_timestamp(1_723_045_660, 0).unwrap();
    let text = line_at(time, Level::Warning, "Epoch[0]\tone\ntwo\n");
    let thread = text.strip_prefix("[08/07/2024 15:47:40 WARNING ").unwrap();
    let (thread, message) = thread.split_once("] ").unwrap();
    assert!(thread.len() == 15 && thread.bytes().all(|c| c.is_ascii_digit()), "{thread}");
    assert_eq!(message, "Epoch[0]\tone two");
    assert!(line(Level::Info, "x").ends_with(&format!(" INFO {thread}] x")));
}

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// The public log of August 2024, an image-format job with three hyperparameters.
#[test]
fn the_parameters_block_is_that_of_a_public_log() {
    let map = given(&[("image_shape", "3,32,32"), ("num_classes", "2"), ("num_training_samples", "1000")]);
    let job = hyperparameters::parse(&map, &[]).unwrap();
    let block = "---- Parameters ----
num_layers: 152
data type: <class 'numpy.float32'>
epochs: 30
optimizer: sgd
momentum: 0.9
weight_decay: 0.0001
learning_rate: 0.1
num_training_samples: 1000
mini_batch_size: 32
image_shape: 3,32,32
num_classes: 2
augmentation_type: None
kv_store: device
checkpoint_frequency not set, will store the best model
--------------------";
    assert_eq!(banner::parameters(&job, 1).join("\n"), block);
    let start = ["use_pretrained_model: 0", "multi_label: 0", "Performing random weight initialization"];
    assert_eq!(banner::initialization(&job, None), start);
    assert_eq!(banner::threads(7), "Setting number of threads: 7");
}

#[test]
fn the_parameters_block_names_what_is_set() {
    let map = given(&[
        ("num_classes", "2"),
        ("num_training_samples", "1000"),
        ("resize", "256"),
        ("optimizer", "adam"),
        ("learning_rate", "1e-5"),
        ("lr_scheduler_step", "2, 4"),
        ("augmentation_type", "crop"),
        ("top_k", "2"),
        ("early_stopping", "1"),
        ("checkpoint_frequency", "1"),
        ("use_pretrained_model", "1"),
        ("precision_dtype", "float16"),
    ]);
    let job = hyperparameters::parse(&map, &[]).unwrap();
    let block = "---- Parameters ----
num_layers: 152
data type: <class 'numpy.float16'>
epochs: 30
image resize size: 256
optimizer: adam
beta_1: 0.9
beta_2: 0.999
eps: 1e-08
weight_decay: 0.0001
learning_rate: 1e-05
lr_scheduler_step: 2,4
lr_scheduler_factor: 0.1
num_training_samples: 1000
mini_batch_size: 32
image_shape: 3,224,224
num_classes: 2
augmentation_type: crop
kv_store: dist_sync
top_k: 2
early_stopping: True
early_stopping_min_epochs: 10
early_stopping_patience: 5
early_stopping_tolerance: 0.0
checkpoint_frequency: 1
--------------------";
    assert_eq!(banner::parameters(&job, 2).join("\n"), block);
    assert!(
        banner::initialization(&job, None)[2].starts_with("Using pretrained model for initializing weights")
    );
}

#[test]
fn configurations_are_python_dictionaries() {
    let map = given(&[("epochs", "2"), ("model_prefix", "it's\t\\"), ("num_classes", "2")]);
    let lines = banner::configuration(&map, Path::new("/opt/ml/x.json"), "brazier");
    assert!(lines[0].starts_with(
        "Reading default configuration from brazier: {'num_layers': 152, 'image_shape': '3,224,224', "
    ));
    assert!(lines[0].contains("'eps': 1e-08") && lines[0].contains("'early_stopping': False"));
    let provided = r#"{'epochs': '2', 'model_prefix': "it's\t\\", 'num_classes': '2'}"#;
    assert_eq!(lines[1], format!("Merging with provided configuration from /opt/ml/x.json: {provided}"));
    let merged = banner::final_configuration(&map);
    assert!(
        merged.starts_with("Final configuration: {") && merged.contains("'mini_batch_size': 32"),
        "{merged}"
    );
    assert!(merged.contains("'epochs': '2'") && !merged.contains("'epochs': 30"), "{merged}");
}

#[test]
fn the_environment_is_typed() {
    let read = |name: &'static str, value: &'static str| {
        Environment::new(move |asked: &str| (asked == name).then(|| value.to_string()))
    };
    let none = Environment::new(|_: &str| None);
    assert_eq!((none.port(), none.max_payload(), none.batch()), (Ok(8080), Ok(25 << 20), Ok(false)));
    assert_eq!(none.base_directory(), PathBuf::from("/opt/ml"));
    assert_eq!((none.job_name(), none.default_accept()), (None, None));

    assert_eq!(read("SAGEMAKER_BIND_TO_PORT", " 9001 ").port(), Ok(9001));
    for value in ["0", "65536", "http"] {
        let expected = "a port between 1 and 65535".to_string();
        let error = EnvironmentError { name: "SAGEMAKER_BIND_TO_PORT", value: value.to_string(), expected };
        assert_eq!(read("SAGEMAKER_BIND_TO_PORT", value).port(), Err(error));
    }
    let values =
        [("true", true), ("True", true), ("TRUE", true), ("1", true), ("on", true), ("false", false)];
    for (value, batch) in values.into_iter().chain([("", false)]) {
        assert_eq!(read("SAGEMAKER_BATCH", value).batch(), Ok(batch), "{value}");
    }
    assert!(read("SAGEMAKER_BATCH", "perhaps").batch().is_err());
    assert_eq!(read("SAGEMAKER_MAX_PAYLOAD_IN_MB", "6").max_payload(), Ok(6 << 20));
    assert_eq!(read("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0").max_payload(), Ok(100 << 20));
    assert!(read("SAGEMAKER_MAX_PAYLOAD_IN_MB", "101").max_payload().is_err());
    assert_eq!(read("SAGEMAKER_BASE_DIR", "/tmp/ml").base_directory(), PathBuf::from("/tmp/ml"));
    assert_eq!(read("TRAINING_JOB_NAME", "job-1").job_name().as_deref(), Some("job-1"));
    assert_eq!(read("BRAZIER_PRETRAINED", "/w").pretrained_directory(), PathBuf::from("/w"));
    let accept = read("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/jsonlines");
    assert_eq!(accept.default_accept().as_deref(), Some("application/jsonlines"));
}

/// A variable that is read but not listed would be undocumented.
#[test]
fn every_variable_read_is_listed() {
    let asked = std::cell::RefCell::new(Vec::new());
    let environment = Environment::new(|name: &str| {
        asked.borrow_mut().push(name.to_string());
        let ranks = [("WORLD_SIZE", "2"), ("RANK", "1"), ("MASTER_ADDR", "host")];
        ranks.into_iter().find(|(of, _)| *of == name).map(|(_, value)| value.to_string())
    });
    environment.base_directory();
    environment.job_name();
    environment.port().unwrap();
    environment.batch().unwrap();
    environment.max_payload().unwrap();
    environment.pretrained_directory();
    environment.default_accept();
    environment.multi_model().unwrap();
    environment.model_memory().unwrap();
    environment.max_waiting().unwrap();
    environment.max_connections().unwrap();
    environment.deadline().unwrap();
    environment.idle().unwrap();
    environment.page().unwrap();
    environment.json_log().unwrap();
    environment.echo_attributes().unwrap();
    environment.multiplies_bfloat16().unwrap();
    Place::find(&Resources::local(), &environment).unwrap();
    let mut listed: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    let mut asked = asked.into_inner();
    // The one that another crate reads, far from any environment of ours.
    asked.push("BRAZIER_KERNELS".into());
    listed.sort_unstable();
    asked.sort();
    assert_eq!(asked, listed);
}

#[test]
fn the_page_of_variables_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ENVIRONMENT.md");
    if std::env::var_os("BRAZIER_BLESS").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == markdown(), "ENVIRONMENT.md is stale: BRAZIER_BLESS=1 cargo test -p brazier-sagemaker");
}

#[test]
fn switches_and_numbers_are_read_or_refused_by_name() {
    let one = |name: &'static str, value: &'static str| {
        Environment::new(move |asked: &str| (asked == name).then(|| value.to_string()))
    };
    assert!(one("SAGEMAKER_MULTI_MODEL", "True").multi_model().unwrap());
    assert!(!one("BRAZIER_PAGE", "off").page().unwrap());
    assert!(one("BRAZIER_LOG", "JSON").json_log().unwrap());
    assert_eq!(one("BRAZIER_MODEL_MEMORY_MB", "2").model_memory().unwrap(), Some(2 << 20));
    let refused = one("BRAZIER_MAX_WAITING", "0").max_waiting().unwrap_err().to_string();
    assert_eq!(
        refused,
        "environment variable BRAZIER_MAX_WAITING is '0', expected a whole number of requests between 1 and 100000"
    );
    assert!(one("BRAZIER_PAGE", "maybe").page().unwrap_err().to_string().contains("true or false"));
    assert!(one("BRAZIER_LOG", "xml").json_log().unwrap_err().to_string().contains("text or json"));
}
