//! The JSON files of `input/config`, in every shape that the platform and local mode write.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::fs;
use std::path::Path;

use brazier_sagemaker::channels::{self, ContentType, Distribution, InputMode, RecordWrapper};
use brazier_sagemaker::hyperparameters;
use brazier_sagemaker::paths::Paths;
use brazier_sagemaker::resources::Resources;

/// A tree with `text` as one file under `input/config`.
fn tree(file: &str, text: &str) -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("input/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join(file), text).unwrap();
    let paths = Paths::new(folder.path());
    (folder, paths)
}

fn read_channels(text: &str) -> Result<Vec<channels::Channel>, String> {
    let (_folder, paths) = tree("inputdataconfig.json", text);
    channels::read(&paths).map_err(|error| error.to_string())
}

fn read_resources(text: &str) -> Result<Resources, String> {
    let (_folder, paths) = tree("resourceconfig.json", text);
    Resources::read(&paths).map_err(|error| error.to_string())
}

#[test]
fn channels_of_the_platform() {
    let channels = read_channels(
        r#"{"validation": {"TrainingInputMode": "Pipe", "S3DistributionType": "ShardedByS3Key", "RecordWrapperType": "RecordIO"},
            "train": {"ContentType": "Application/X-Image; Label-Format=\"class-id\"", "TrainingInputMode": "FastFile",
                      "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None", "Future": [1]}}"#,
    )
    .unwrap();
    let [train, validation] = &channels[..] else { panic!("{channels:?}") };
    assert_eq!(train.name, "train");
    assert!(train.path.ends_with("input/data/train"));
    assert_eq!(train.input_mode, InputMode::FastFile);
    let content_type = train.content_type.as_ref().unwrap();
    assert_eq!(content_type.media_type, "application/x-image");
    assert_eq!(content_type.parameters["label-format"], "class-id");
    assert_eq!(validation.content_type, None);
    assert_eq!(validation.input_mode, InputMode::Pipe);
    assert_eq!(validation.distribution, Distribution::ShardedByS3Key);
    assert_eq!(validation.record_wrapper, RecordWrapper::RecordIo);
}

#[test]
fn channels_of_local_mode_have_only_a_mode() {
    for text in [
        r#"{"train": {"TrainingInputMode": "File"}}"#,
        r#"{"train": {"ContentType": null}}"#,
        r#"{"train": null}"#,
    ] {
        let channels = read_channels(text).unwrap();
        let train = channels::find(&channels, "train").unwrap();
        assert_eq!((train.input_mode, train.content_type.as_ref()), (InputMode::File, None), "{text}");
        let defaults = (Distribution::FullyReplicated, RecordWrapper::None);
        assert_eq!((train.distribution, train.record_wrapper), defaults, "{text}");
    }
    assert_eq!(read_channels("{}"), Ok(vec![]));
}

#[test]
fn training_is_another_name_for_train() {
    let channels = read_channels(r#"{"training": {}}"#).unwrap();
    let train = channels::find(&channels, "train").unwrap();
    assert!(train.path.ends_with("input/data/training"), "the folder keeps its name");
    let both = read_channels(r#"{"training": {}, "train": {}}"#).unwrap();
    assert!(channels::find(&both, "training").is_some());
}

#[test]
fn wrong_channels_are_named() {
    for (text, words) in [
        (
            r#"{"train": {"TrainingInputMode": "Tape"}}"#,
            "train.TrainingInputMode: found \"Tape\", expected File",
        ),
        (r#"{"train": {"RecordWrapperType": 3}}"#, "train.RecordWrapperType: found 3, expected a string"),
        (r#"{"train": []}"#, "train: found [], expected an object"),
        (r#"{"..": {}}"#, "found \"..\", expected a channel name"),
        (r#"{"a/b": {}}"#, "found \"a/b\", expected a channel name"),
        ("[]", "top level: found [], expected an object"),
        ("{", "is not valid JSON"),
    ] {
        let message = read_channels(text).unwrap_err();
        assert!(message.contains("inputdataconfig.json") && message.contains(words), "{message}");
    }
}

#[test]
fn without_the_file_folders_are_channels() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    assert_eq!(channels::read(&paths).unwrap(), vec![]);
    for name in ["validation", "training", ".hidden"] {
        fs::create_dir_all(paths.channel(name)).unwrap();
    }
    fs::write(paths.channel("train-manifest"), "{}").unwrap();
    let names: Vec<String> =
        channels::read(&paths).unwrap().into_iter().map(|channel| channel.name).collect();
    assert_eq!(names, ["train", "validation"]);
}

#[test]
fn content_types_are_free_text() {
    for (text, media_type, parameters) in [
        ("image/png", "image/png", 0),
        ("application/x-image;label-format=multi-hot; x = y", "application/x-image", 2),
        (" rec ; nonsense", "rec", 0),
        (";=", "", 1),
    ] {
        let parsed = ContentType::parse(text);
        assert_eq!((parsed.media_type.as_str(), parsed.parameters.len()), (media_type, parameters), "{text}");
    }
}

#[test]
fn hosts_of_the_platform_and_of_local_mode() {
    for (text, rank, world) in [
        (
            r#"{"current_host":"algo-1","current_instance_type":"ml.g4dn.12xlarge","current_group_name":"homogeneousCluster",
                "hosts":["algo-1"],"instance_groups":[{"instance_group_name":"homogeneousCluster",
                "instance_type":"ml.g4dn.12xlarge","hosts":["algo-1"]}],"network_interface_name":"eth0","topology":null}"#,
            0,
            1,
        ),
        (
            r#"{"current_host":"algo-3","hosts":["algo-1","algo-3","algo-2"],"network_interface_name":"ethwe"}"#,
            2,
            3,
        ),
        (
            r#"{"current_host":"algo-2","hosts":["algo-1","algo-2","algo-10"],"network_interface_name":null}"#,
            2,
            3,
        ),
        (
            r#"{"current_host":"algo-1-wabbg","hosts":["algo-2-x1y2z","algo-1-wabbg"],"current_instance_type":"local"}"#,
            0,
            2,
        ),
    ] {
        let resources = read_resources(text).unwrap();
        assert_eq!((resources.rank, resources.world()), (rank, world), "{text}");
        assert!(resources.hosts.is_sorted());
    }
}

#[test]
fn hosts_that_make_no_sense_are_refused() {
    for (text, words) in [
        (
            r#"{"current_host":"algo-9","hosts":["algo-1"]}"#,
            "current_host is 'algo-9', which is not one of hosts [\"algo-1\"]",
        ),
        (r#"{"current_host":"algo-1","hosts":[]}"#, "is not one of hosts []"),
        (r#"{"current_host":"a","hosts":["a","b","a"]}"#, "hosts names 'a' more than once"),
        (r#"{"hosts":["a"]}"#, "current_host: found null"),
        (r#"{"current_host":"a"}"#, "hosts: found null, expected a list"),
        (r#"{"current_host":"a","hosts":["a", 2]}"#, "hosts: found [\"a\",2], expected a list"),
    ] {
        let message = read_resources(text).unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn without_the_file_there_is_one_host() {
    let resources = Resources::read(&Paths::new(Path::new("/nowhere"))).unwrap();
    assert_eq!((resources.hosts, resources.rank), (vec!["localhost".to_string()], 0));
}

#[test]
fn hyperparameter_values_may_be_bare_json() {
    let (_folder, paths) = tree(
        "hyperparameters.json",
        r#"{"epochs": 3, "early_stopping": true, "resize": null, "optimizer": "sgd", "lr_scheduler_step": [1, 2]}"#,
    );
    let given = hyperparameters::read(&paths).unwrap().unwrap();
    let expected = [
        ("early_stopping", "true"),
        ("epochs", "3"),
        ("lr_scheduler_step", "[1,2]"),
        ("optimizer", "sgd"),
        ("resize", "null"),
    ];
    assert!(given.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(expected));
    assert_eq!(hyperparameters::read(&Paths::new(Path::new("/nowhere"))).unwrap(), None);
}

#[test]
fn checkpoints_survive_only_where_the_platform_looks() {
    let bare = tempfile::tempdir().unwrap();
    let paths = Paths::new(bare.path());
    assert_eq!(paths.checkpoints().unwrap(), None);
    fs::create_dir(bare.path().join("checkpoints")).unwrap();
    assert_eq!(paths.checkpoints().unwrap(), Some(bare.path().join("checkpoints")));
    for (text, expected) in [
        (r#"{"LocalPath": "/opt/ml/other"}"#, Some("other")),
        (r#"{"LocalPath": null}"#, Some("checkpoints")),
        (r#"{"LocalPath": "/elsewhere"}"#, None),
    ] {
        let (folder, paths) = tree("checkpointconfig.json", text);
        let expected = expected.map_or("/elsewhere".into(), |name| folder.path().join(name));
        assert_eq!(paths.checkpoints().unwrap(), Some(expected), "{text}");
    }
}
