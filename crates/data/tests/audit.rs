//! An audit goes on after every fault, and tells each once.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use std::sync::atomic::{AtomicUsize, Ordering};

use brazier_data::audit::report::{FaultKind, Identical};
use brazier_data::audit::{Audit, Options, Report};
use brazier_data::{ChannelFiles, DataError};
use brazier_image::{InputShape, Pixels, encode};
use brazier_mxnet::image_record::ImageRecord;
use fixture::{Input, labelled, png, record_file, records};

fn audit(train: &ChannelFiles, validation: Option<&ChannelFiles>, options: &Options) -> Report {
    let audit = Audit::open(train, validation).unwrap();
    let (samples, examined) = (audit.samples(), AtomicUsize::new(0));
    let report = audit.run(options, &|| _ = examined.fetch_add(1, Ordering::Relaxed));
    assert_eq!(examined.into_inner(), samples);
    report
}

fn kinds(findings: &[brazier_data::audit::report::Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.kind).collect()
}

/// An image of other pixels than any [`png`], of this size.
fn sized(width: u32, height: u32) -> Vec<u8> {
    let data = (0..width * height).flat_map(|at| [at as u8, 1, 2]).collect();
    encode::png(&Pixels::new(width, height, 3, data).unwrap()).unwrap()
}

#[test]
fn sound_channels_have_no_findings() {
    let input = Input::new();
    input.write("train/train.rec", record_file(20, 2));
    let others: Vec<_> = (40..44).map(|n| labelled(f32::from(n % 2), &png(n))).collect();
    input.write("validation/validation.rec", records(&others).0);
    input.write("classes.txt", "cat\ndog\n");
    let validation = input.channel("validation", None);
    let report = audit(&input.channel("train", None), Some(&validation), &Options::default());
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report}");
    assert_eq!((report.num_training_samples, report.num_classes), (20, 2));
    let json = serde_json::to_value(&report).unwrap();
    let train = &json["channels"]["train"];
    assert_eq!((&train["samples"], &train["source"]), (&20.into(), &"20 records in train.rec".into()));
    assert_eq!(
        train["classes"][1],
        serde_json::json!({"label": 1, "name": "dog", "samples": 10, "share": 0.5})
    );
    assert_eq!(train["formats"], serde_json::json!({"png": 20}));
    assert_eq!(train["colors"], serde_json::json!({"grey": 20}));
    let side = serde_json::json!({"min": 3, "median": 3, "max": 3});
    assert_eq!(
        (&train["sizes"]["width"], &train["sizes"]["smaller_than"]),
        (&side, &serde_json::Value::Null)
    );
    assert_eq!(json["channels"]["validation"]["samples"], 4);
    let text = report.to_string();
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("sound: ") && last.ends_with("num_training_samples=20 num_classes=2"), "{last}");
    assert!(text.contains("      1  dog           10  50.0 %           2  50.0 %\n"), "{text}");
}

#[test]
fn damaged_record_files_are_examined_but_for_the_damage() {
    let input = Input::new();
    let payloads: Vec<_> = (0..4).map(|n| labelled(f32::from(n % 2), &png(n))).collect();
    let (mut bytes, offsets) = records(&payloads);
    bytes[offsets[2] as usize] ^= 0xff;
    input.write("train/a.rec", bytes);
    let (whole, offsets_b) = records(&[labelled(1.0, &png(10)), vec![0; 5], labelled(0.0, &png(11))]);
    input.write("train/b.rec", &whole[..whole.len() - 3]);
    let report = audit(&input.channel("train", None), None, &Options::default());
    let damaged: Vec<_> =
        report.channels.train.damaged.iter().map(|fault| (fault.kind, fault.origin.as_str())).collect();
    let (cut, short) = (offsets_b[2], offsets_b[1]);
    assert_eq!(
        damaged,
        [
            (FaultKind::Record, format!("a.rec, byte {}", offsets[2]).as_str()),
            (FaultKind::Record, format!("b.rec, byte {cut}").as_str()),
            (FaultKind::Record, format!("b.rec, record 1 at byte {short}").as_str()),
        ]
    );
    let reason = &report.channels.train.damaged[0].reason;
    let lost = format!("{} bytes at byte {} are lost: no record begins", offsets[3] - offsets[2], offsets[2]);
    assert!(reason.starts_with(&lost), "{reason}");
    assert_eq!((report.channels.train.samples, report.num_training_samples), (5, 4));
    assert_eq!(kinds(&report.errors), ["record"]);
    assert_eq!(report.errors[0].count, 3);
}

#[test]
fn every_bad_line_of_a_list_is_told() {
    let input = Input::new();
    for n in 0..3 {
        input.write(&format!("train/{n}.png"), png(n));
    }
    input.write("train/empty.png", "");
    input.write("train/broken.png", &png(7)[..40]);
    input.write("train/notes.png", "no image");
    input.write(
        "lists/train.lst",
        "0\t0\t0.png\n1\t1\t1.png\n2\t0\tgone.png\n3\t1\t../2.png\n4\tcat\t2.png\n5\t0\tempty.png\n\
         6\t1\tbroken.png\n7\t0\tnotes.png\n8\t0.5\t2.png\n",
    );
    let report = audit(&input.channel("train", Some("lists")), None, &Options::default());
    let damaged: Vec<_> =
        report.channels.train.damaged.iter().map(|fault| (fault.kind, fault.origin.as_str())).collect();
    assert_eq!(
        damaged,
        [
            (FaultKind::Missing, "gone.png (train.lst line 3)"),
            (FaultKind::Outside, "../2.png (train.lst line 4)"),
            (FaultKind::List, "train.lst line 5"),
            (FaultKind::Empty, "empty.png (train.lst line 6)"),
            (FaultKind::Image, "broken.png (train.lst line 7)"),
            (FaultKind::Image, "notes.png (train.lst line 8)"),
        ]
    );
    assert!(report.channels.train.damaged[5].reason.starts_with("unknown image format"));
    assert_eq!(report.channels.train.labels[0].origin, "2.png (train.lst line 9)");
    assert_eq!(kinds(&report.errors), ["list", "missing", "outside", "empty", "image", "label"]);
    assert_eq!((report.num_training_samples, report.num_classes), (2, 2));
}

#[test]
fn every_bad_line_of_a_manifest_is_told_and_the_class_names_too() {
    let input = Input::new();
    input.write("train/part/0.png", png(0));
    input.write(
        "train/jobs.manifest",
        "{\"source-ref\": \"s3://bucket/part/0.png\", \"class\": 0}\n\
         {\"source-ref\": \"s3://bucket/part/1.png\", \"class\": 1}\nnonsense\n",
    );
    input.write("train/classes.txt", "cat\n\ndog\n");
    let report = audit(&input.channel("train", None), None, &Options::default());
    let damaged: Vec<_> =
        report.channels.train.damaged.iter().map(|fault| (fault.kind, fault.origin.as_str())).collect();
    assert_eq!(
        damaged,
        [
            (FaultKind::Missing, "s3://bucket/part/1.png (jobs.manifest line 2)"),
            (FaultKind::List, "jobs.manifest line 3"),
            (FaultKind::Names, "train"),
        ]
    );
    assert_eq!((report.channels.train.samples, report.num_training_samples), (1, 1));
}

#[test]
fn labels_are_measured_against_the_classes() {
    let input = Input::new();
    let mut payloads: Vec<_> = [0.0, 1.0, 1.0, 4.0, -1.0, 2.5, f32::NAN]
        .iter()
        .zip(0..)
        .map(|(label, n)| labelled(*label, &png(n)))
        .collect();
    payloads.push(ImageRecord::vector(vec![0.0, 1.0], 0, &png(20)).encode());
    input.write("train/train.rec", records(&payloads).0);
    let wrong = |report: &Report| -> Vec<String> {
        report.channels.train.labels.iter().map(|bad| bad.reason.clone()).collect()
    };
    let report = audit(&input.channel("train", None), None, &Options::default());
    assert_eq!(
        wrong(&report),
        [
            "label -1 is out of range, expected 0 to 4",
            "label 2.5 is no whole number, expected one from 0 to 4",
            "label NaN is no whole number, expected one from 0 to 4",
            "found 2 labels, expected 1 as in most samples",
        ]
    );
    let train = &report.channels.train;
    assert_eq!((&train.missing_classes[..], train.imbalance), (&[(2, 3)][..], Some(2.0)));
    assert_eq!((report.num_classes, report.num_training_samples), (5, 4));
    assert_eq!((kinds(&report.errors), kinds(&report.warnings)), (vec!["label"], vec!["missing_class"]));
    assert_eq!(report.warnings[0].count, 2);
    assert!(serde_json::to_string(&report).unwrap().contains("\"labels\":[null]"));

    let options = Options { num_classes: Some(3), ..Options::default() };
    let report = audit(&input.channel("train", None), None, &options);
    assert_eq!(wrong(&report)[0], "label 4 is out of range, expected 0 to 2");
    assert_eq!(report.channels.train.missing_classes, [(2, 2)]);
}

#[test]
fn several_labels_are_counted_class_by_class() {
    let input = Input::new();
    let rows = [vec![1.0, 0.0, 1.0], vec![0.0, 0.0, 1.0], vec![0.0, 2.0, 0.0]];
    let payloads: Vec<_> =
        rows.into_iter().zip(0..).map(|(row, n)| ImageRecord::vector(row, 0, &png(n)).encode()).collect();
    input.write("train/train.rec", records(&payloads).0);
    let report = audit(&input.channel("train", None), None, &Options::default());
    let counts: Vec<_> =
        report.channels.train.classes.iter().map(|class| (class.label, class.samples)).collect();
    assert_eq!((counts, report.num_classes), (vec![(0, 1), (2, 2)], 3));
    assert_eq!(report.channels.train.labels.len(), 1);
    assert_eq!(kinds(&report.warnings), ["missing_class", "multi_label"]);
}

#[test]
fn copies_are_found_within_and_across_channels() {
    let input = Input::new();
    // The same pixels in other bytes: grey stored as RGB.
    let grey: Vec<u8> = (30..39).flat_map(|value| [value; 3]).collect();
    let rgb = encode::png(&Pixels::new(3, 3, 3, grey).unwrap()).unwrap();
    for (path, bytes) in [
        ("train/a/1.png", png(1)),
        ("train/a/2.png", png(1)),
        ("train/a/3.png", png(30)),
        ("train/b/4.png", png(50)),
        ("train/b/5.png", png(60)),
        ("train/a/6.png", png(60)),
        ("validation/b/7.png", png(50)),
        ("validation/a/8.png", rgb),
        ("validation/c/9.png", png(90)),
    ] {
        input.write(path, bytes);
    }
    let validation = input.channel("validation", None);
    let report = audit(&input.channel("train", None), Some(&validation), &Options::default());
    let duplicates: Vec<_> = report
        .channels
        .train
        .duplicates
        .iter()
        .map(|group| {
            let origins: Vec<_> = group.copies.iter().map(|copy| copy.origin.as_str()).collect();
            (group.identical, group.conflict, origins)
        })
        .collect();
    assert_eq!(
        duplicates,
        [
            (Identical::Bytes, false, vec!["a/1.png", "a/2.png"]),
            (Identical::Bytes, true, vec!["a/6.png", "b/5.png"]),
        ]
    );
    let leaks: Vec<_> = report
        .leaks
        .iter()
        .map(|leak| (leak.identical, leak.train[0].origin.as_str(), leak.validation[0].origin.as_str()))
        .collect();
    assert_eq!(leaks, [(Identical::Pixels, "a/3.png", "a/8.png"), (Identical::Bytes, "b/4.png", "b/7.png")]);
    assert!(report.leaks.iter().all(|leak| !leak.conflict && leak.sha256.len() == 64));
    // Class `c` is none of train's; `a` and `b` keep their numbers.
    assert_eq!(kinds(&report.errors), ["conflict", "class", "leak"]);
    assert_eq!(report.channels.validation.as_ref().unwrap().damaged[0].origin, "c/");
    assert_eq!(kinds(&report.warnings), ["duplicate"]);
    assert!(report.to_string().contains("a/3.png [0] = validation a/8.png [0]\n"), "{report}");
}

#[test]
fn sizes_and_imbalance_are_warned_about() {
    let input = Input::new();
    for n in 0..10 {
        input.write(&format!("train/many/{n}.png"), png(n));
    }
    input.write("train/one/wide.png", sized(300, 224));
    let report = audit(&input.channel("train", None), None, &Options::default());
    let sizes = report.channels.train.sizes.clone().unwrap();
    assert_eq!((sizes.distinct, sizes.smaller_than, sizes.smaller), (2, Some((224, 224)), 10));
    assert_eq!((sizes.width.min, sizes.width.median, sizes.width.max), (3, 3, 300));
    assert_eq!((sizes.common[0].width, sizes.common[0].samples), (3, 10));
    assert_eq!(report.channels.train.colors.get("color"), Some(&1));
    assert_eq!((kinds(&report.warnings), report.errors.len()), (vec!["imbalance", "small"], 0));
    let options = Options { shape: Some(InputShape::new(3, 3, 4)), ..Options::default() };
    assert_eq!(audit(&input.channel("train", None), None, &options).warnings[1].count, 10);
}

#[test]
fn bad_class_names_do_not_hide_the_rest() {
    let input = Input::new();
    input.write("train/train.rec", record_file(4, 2));
    input.write("train/classes.txt", "cat\n\ndog\n");
    let report = audit(&input.channel("train", None), None, &Options::default());
    assert_eq!((kinds(&report.errors), report.num_training_samples), (vec!["names"], 4));
    assert_eq!((report.num_classes, report.warnings.len()), (2, 0));
}

#[test]
fn a_channel_that_is_not_there_is_refused() {
    let input = Input::new();
    let error = Audit::open(&input.channel("train", None), None).unwrap_err();
    assert!(matches!(error, DataError::MissingChannel { .. }), "{error}");
    input.write("train/readme.txt", "nothing here");
    let error = Audit::open(&input.channel("train", None), None).unwrap_err();
    assert!(matches!(error, DataError::EmptyChannel { .. }), "{error}");
}
