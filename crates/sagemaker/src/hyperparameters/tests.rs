use std::collections::BTreeMap;
use std::path::Path;

use super::*;

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let required = [("num_classes", "10"), ("num_training_samples", "4000")];
    required.iter().chain(pairs).map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn read(pairs: &[(&str, &str)]) -> Hyperparameters {
    parse(&given(pairs), &[]).unwrap()
}

fn complaint(pairs: &[(&str, &str)]) -> String {
    parse(&given(pairs), &[]).unwrap_err().to_string()
}

#[test]
fn two_keys_are_enough_and_the_rest_is_documented_default() {
    let job = read(&[]);
    assert_eq!((job.num_layers, job.epochs, job.mini_batch_size), (152, 30, 32));
    assert_eq!(job.image_shape, ImageShape { channels: 3, height: 224, width: 224 });
    assert_eq!((job.learning_rate, job.lr_scheduler_factor, job.momentum), (0.1, 0.1, 0.9));
    assert_eq!((job.weight_decay, job.beta_1, job.beta_2, job.eps, job.gamma), (1e-4, 0.9, 0.999, 1e-8, 0.9));
    assert_eq!(
        (job.optimizer, job.precision_dtype, job.kv_store),
        (Optimizer::Sgd, Precision::Float32, None)
    );
    assert_eq!((job.multi_label, job.use_weighted_loss, job.use_pretrained_model), (false, false, false));
    assert_eq!(
        (job.resize, job.top_k, job.checkpoint_frequency, job.augmentation_type),
        (None, None, None, None)
    );
    assert_eq!((job.lr_scheduler_step, job.early_stopping, job.seed), (vec![], None, 0));
    assert!(job.warnings.is_empty());
}

#[test]
fn the_table_has_the_29_documented_names_and_ours() {
    let count = |origin| TABLE.iter().filter(|row| row.origin == origin).count();
    assert_eq!((count(Origin::Documented), count(Origin::Extension)), (29, 25));
    let names: std::collections::BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len());
}

#[test]
fn every_client_dialect_says_the_same() {
    let plain =
        [("num_layers", "18"), ("learning_rate", "0.1"), ("optimizer", "adam"), ("early_stopping", "True")];
    let expected = read(&[&plain[..], &[("lr_scheduler_step", "10,20"), ("resize", "")]].concat());
    for dialect in [
        [" 18 ", "1e-1", "\"adam\"", "true", "[10, 20]", "None"],
        ["18.0", "0.10", "Adam", "1", "10, 20", "null"],
        ["\"18\"", "\"0.1\"", "\" adam \"", "yes", "['10', '20']", "\"\""],
        ["1.8e1", ".1", "adam", "TRUE", "\"10,20\"", " "],
        ["18", "0.1", "adam", "1.0", "(10, 20)", "\"None\""],
    ] {
        let names =
            ["num_layers", "learning_rate", "optimizer", "early_stopping", "lr_scheduler_step", "resize"];
        let pairs: Vec<(&str, &str)> = names.into_iter().zip(dialect).collect();
        assert_eq!(read(&pairs), expected, "{dialect:?}");
    }
}

#[test]
fn false_is_spelled_as_freely_as_true() {
    for text in ["False", "false", "0", "no", "NO", "0.0"] {
        assert!(!read(&[("multi_label", text)]).multi_label, "{text}");
    }
}

#[test]
fn image_shapes_and_epoch_lists_may_have_blanks_and_brackets() {
    for text in ["1,28,30", "1, 28, 30", "[1, 28, 30]", "(1, 28, 30)", "\"1,28,30\""] {
        let shape = ImageShape { channels: 1, height: 28, width: 30 };
        assert_eq!(read(&[("image_shape", text)]).image_shape, shape, "{text}");
    }
    for text in ["10", "[10]", "(10,)", "10.0"] {
        assert_eq!(read(&[("lr_scheduler_step", text)]).lr_scheduler_step, [10], "{text}");
    }
    assert!(read(&[("lr_scheduler_step", "[]")]).lr_scheduler_step.is_empty());
}

#[test]
fn the_ends_of_a_range_are_inside() {
    assert_eq!(read(&[("learning_rate", "0")]).learning_rate, 0.0);
    assert_eq!(read(&[("learning_rate", "1")]).learning_rate, 1.0);
    assert_eq!(read(&[("seed", "18446744073709551615")]).seed, u64::MAX);
    assert_eq!(read(&[("num_classes", "2")]).num_classes, 2);
    assert_eq!(read(&[("lr_scheduler_step", "1000000")]).lr_scheduler_step, [1_000_000]);
}

#[test]
fn bad_values_are_refused_with_what_was_expected() {
    for (name, value) in [
        ("num_layers", "19"),
        ("num_layers", "18.5"),
        ("epochs", "0"),
        ("epochs", "-1"),
        ("epochs", "1e300"),
        ("learning_rate", "1.5"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("learning_rate", "0,1"),
        ("optimizer", "adamw"),
        ("early_stopping", "2"),
        ("early_stopping", "maybe"),
        ("image_shape", "2,28,28"),
        ("image_shape", "3,0,28"),
        ("image_shape", "3,4097,28"),
        ("image_shape", "3,28"),
        ("image_shape", "3,28,28,28"),
        ("lr_scheduler_step", "20,10"),
        ("lr_scheduler_step", "10,10"),
        ("lr_scheduler_step", "0,10"),
        ("lr_scheduler_step", "10,,20"),
        ("lr_scheduler_step", "10,1000001"),
        ("lr_scheduler_step", "18446744073709551615"),
        ("num_classes", "1"),
        ("kv_store", "device"),
        ("seed", "18446744073709551616"),
    ] {
        let kind = Hyperparameter::find(name).unwrap().kind;
        let expected =
            format!("The value '{value}' is not valid for the '{name}' hyperparameter which expects {kind}");
        assert_eq!(complaint(&[(name, value)]), expected);
    }
}

#[test]
fn kinds_say_their_range_or_choices() {
    let says = |name| Hyperparameter::find(name).unwrap().kind.to_string();
    assert_eq!(says("epochs"), "an integer between 1 and 1000000");
    assert_eq!(says("momentum"), "a float between 0.0 and 1.0");
    assert_eq!(says("optimizer"), "one of sgd, adam, rmsprop, nag");
    assert_eq!(says("num_layers"), "one of 18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110");
}

#[test]
fn long_values_are_shortened_at_a_character() {
    let text = complaint(&[("optimizer", &"ß".repeat(2500))]);
    assert!(text.contains(&format!("'{}...'", "ß".repeat(60))), "{text}");
}

#[test]
fn unknown_keys_are_refused_with_a_hint() {
    for (name, hint) in [
        ("augmentation type", ", did you mean 'augmentation_type'?"),
        ("batch_size", ", did you mean 'mini_batch_size'?"),
        ("Learning-Rate", ", did you mean 'learning_rate'?"),
        ("use_lr_scheduler", ", did you mean 'lr_scheduler_step'?"),
        ("lr", ", did you mean 'learning_rate'?"),
        ("zzz", ""),
    ] {
        let expected = format!("Additional hyperparameters are not allowed ('{name}' was unexpected){hint}");
        assert_eq!(complaint(&[(name, "1")]), expected);
    }
}

#[test]
fn the_platforms_own_keys_are_ignored() {
    let own = [("_tuning_objective_metric", "validation:accuracy"), ("sagemaker_program", "\"train.py\"")];
    assert_eq!(read(&own), read(&[]));
}

#[test]
fn required_keys_must_have_a_value() {
    let none = parse(&BTreeMap::new(), &[]).unwrap_err().to_string();
    assert_eq!(
        none,
        "No value(s) were specified for 'num_classes' which are required hyperparameter(s); \
         No value(s) were specified for 'num_training_samples' which are required hyperparameter(s)"
    );
    let empty = complaint(&[("num_classes", "None")]);
    assert_eq!(empty, "No value(s) were specified for 'num_classes' which are required hyperparameter(s)");
}

#[test]
fn all_problems_come_at_once() {
    let pairs =
        [("num_classes", ""), ("epochs", "5"), ("checkpoint_frequency", "6"), ("typo", "1"), ("gamma", "x")];
    let problems = parse(&given(&pairs), &[]).unwrap_err().0;
    assert!(matches!(
        &problems[..],
        [
            Problem::Unknown { .. },
            Problem::Missing { name: "num_classes" },
            Problem::Invalid { name: "gamma", .. },
            Problem::CheckpointAfterEnd { frequency: 6, epochs: 5 },
        ]
    ));
}

#[test]
fn values_must_fit_each_other() {
    let batch = complaint(&[("num_training_samples", "31")]);
    assert!(batch.starts_with("The number of input images must be bigger or equal to the mini_batch_size."));
    assert_eq!(read(&[("num_training_samples", "32")]).num_training_samples, 32);
    assert!(complaint(&[("checkpoint_frequency", "31")]).starts_with("checkpoint_frequency (31)"));
    assert_eq!(read(&[("checkpoint_frequency", "30")]).checkpoint_frequency, Some(30));
    let layers = complaint(&[("num_layers", "20"), ("use_pretrained_model", "1")]);
    assert!(layers.starts_with("use_pretrained_model needs num_layers"), "{layers}");
}

#[test]
fn a_batch_of_pixels_has_at_most_4_gib() {
    let job = |batch| {
        [("num_training_samples", "4000"), ("image_shape", "1,4096,4096"), ("mini_batch_size", batch)]
    };
    assert_eq!(read(&job("256")).mini_batch_size, 256);
    assert_eq!(
        complaint(&job("257")),
        "mini_batch_size (257) images of image_shape 1,4096,4096 are 4311744512 bytes of pixels, \
         more than the 4294967296 bytes that a batch may have"
    );
    let colours = [("image_shape", "3,4096,4096"), ("mini_batch_size", "86")];
    assert!(complaint(&colours).contains("are 4328521728 bytes of pixels"));
}

#[test]
fn harmless_oddities_are_warnings() {
    let job = read(&[("model_prefix", ""), ("top_k", "1"), ("use_weighted_loss", "1")]);
    assert_eq!(job.top_k, None);
    assert_eq!(job.warnings.len(), 3);
    let words = "use_weighted_loss is only used for multi-label training. Ignoring the parameter.";
    assert_eq!(job.warnings[2], words);
    assert!(read(&[("use_weighted_loss", "1"), ("multi_label", "1")]).warnings.is_empty());
    let odd = [
        ("lr_schedule", "cosine"),
        ("lr_scheduler_step", "3"),
        ("label_smoothing", "0.1"),
        ("multi_label", "1"),
    ];
    assert_eq!(read(&odd).warnings.len(), 2);
    let job = read(&[("top_k", "5"), ("multi_label", "1")]);
    assert_eq!((job.top_k, job.warnings.len()), (None, 1));
}

#[test]
fn a_preset_yields_to_the_user_and_wins_over_the_table() {
    let preset = [("num_layers", "20"), ("epochs", "3"), ("num_classes", "7")];
    let mut map = given(&[("epochs", "5")]);
    map.remove("num_classes");
    let job = parse(&map, &preset).unwrap();
    assert_eq!((job.num_layers, job.epochs, job.num_classes, job.mini_batch_size), (20, 5, 7, 32));
}

#[test]
fn the_map_gives_the_same_job_again() {
    let all = [
        ("lr_scheduler_step", "10,20"),
        ("optimizer", "rmsprop"),
        ("augmentation_type", "crop_color"),
        ("resize", "256"),
        ("checkpoint_frequency", "2"),
        ("early_stopping", "True"),
        ("early_stopping_tolerance", "0.25"),
        ("multi_label", "1"),
        ("use_weighted_loss", "1"),
        ("use_pretrained_model", "1"),
        ("resnet_version", "1.5"),
        ("precision_dtype", "float16"),
        ("kv_store", "dist_async"),
        ("seed", "7"),
    ];
    let job = read(&all);
    let map = job.as_map();
    // Where there are several labels there is no top_k.
    assert_eq!(map.len(), TABLE.len() - 1, "every other name has its text");
    let again = map.into_iter().map(|(name, text)| (name.to_string(), text)).collect();
    assert_eq!(parse(&again, &[]).unwrap(), job);
    assert_eq!(read(&[]).as_map().get("resize"), None);
}

#[test]
fn floats_are_written_as_python_writes_them() {
    for (number, text) in [
        (1.0, "1.0"),
        (0.0001, "0.0001"),
        (1e-5, "1e-05"),
        (1.5e-8, "1.5e-08"),
        (1e16, "1e+16"),
        (0.1, "0.1"),
    ] {
        assert_eq!(python_float(number), text);
    }
}

#[test]
fn the_page_for_people_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("HYPERPARAMETERS.md");
    if std::env::var_os("BRAZIER_BLESS").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == markdown(),
        "HYPERPARAMETERS.md is stale: BRAZIER_BLESS=1 cargo test -p brazier-sagemaker"
    );
}
