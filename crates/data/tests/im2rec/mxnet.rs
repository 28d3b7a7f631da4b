//! MXNet itself reads what we pack.

use std::env;
use std::process::Command;

use brazier_data::im2rec::{ListOptions, PackOptions, list, pack};
use brazier_image::{Pixels, encode};
use serde_json::{Value, json};

use crate::{golden, write};

/// Needs a Python with MXNet 1.9.1 (`tests/golden/formats/make_parts.py` says how to make one).
#[test]
fn mxnet_reads_our_records() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("images");
    for shade in [10_u8, 60, 110, 160, 210] {
        let pixels = Pixels::new(12, 9, 3, vec![shade; 12 * 9 * 3]).unwrap();
        write(root.join(format!("class{}/{shade}.png", shade / 100)), encode::png(&pixels).unwrap());
    }
    let options = ListOptions { recursive: true, ..ListOptions::default() };
    let listing = list(&folder.path().join("x"), &root, &options).unwrap();
    assert_eq!(listing.classes, ["class0", "class1", "class2"]);
    let options =
        PackOptions { resize: std::num::NonZeroU32::new(8), center_crop: true, ..PackOptions::default() };
    let packed = pack(&listing.files[0].path, &root, &options, &|_, _| {}).unwrap();
    assert_eq!((packed.written, packed.failed.len()), (5, 0));

    let prefix = folder.path().join("x");
    let script = golden("read_records.py");
    let output = Command::new(python).args([&script, &prefix]).args(["3", "8", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT ")).unwrap_or_else(|| {
        panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
    });
    let found: Value = serde_json::from_str(line).unwrap();
    // Python's `random.seed(100); x = list(range(5)); random.shuffle(x)`.
    let order = [2, 0, 4, 3, 1];
    let (labels, shades) = ([0.0, 0.0, 1.0, 1.0, 2.0], [10.0, 60.0, 110.0, 160.0, 210.0]);
    assert_eq!(found["keys"], json!(order));
    for (at, index) in order.into_iter().enumerate() {
        let (record, image) = (&found["records"][at], &found["images"][at]);
        assert_eq!((&record["id"], &record["labels"]), (&json!(index), &json!([labels[index]])));
        assert_eq!(image["labels"], json!([labels[index]]));
        assert!((image["mean"].as_f64().unwrap() - shades[index]).abs() < 1.5, "{image}");
    }
}
