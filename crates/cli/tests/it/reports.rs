//! `report.json` and `report.html`, which a job leaves in `output/data` and a person's run beside the model.

use std::fs;

use regex::Regex;
use serde_json::Value;

use crate::harness::{CLASSES, OptMl, run};
use crate::several_labels;

fn json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The numbers of an array.
fn counts(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

#[test]
fn figures_of_each_class_add_up_and_belong_to_the_weights_that_stay() {
    let tree = OptMl::with_lists();
    tree.hyperparameters(&[("epochs", "3")]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let report = json(&tree.path("output/data/report.json"));
    assert_eq!(report["class_names"], serde_json::json!(CLASSES));
    let epochs = report["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 3);
    for (number, epoch) in epochs.iter().enumerate() {
        let line = format!(
            "Epoch[{number}] Validation-accuracy={:.6}\n",
            epoch["validation_accuracy"].as_f64().unwrap()
        );
        assert!(told.out.contains(&line), "{line}{}", told.out);
    }
    let about = json(&tree.path("model/brazier.json"));
    let validation = &report["validation"];
    assert_eq!(validation["epoch"], about["epoch"]);
    assert_eq!(validation["accuracy"], about["metrics"]["validation:accuracy"]);
    let rows: Vec<Vec<u64>> = validation["confusion"].as_array().unwrap().iter().map(counts).collect();
    let right: u64 = (0..3).map(|class| rows[class][class]).sum();
    assert!((right as f64 / 9.0 - validation["accuracy"].as_f64().unwrap()).abs() < 1e-9);
    for (class, name) in CLASSES.iter().enumerate() {
        let found = &validation["classes"][class];
        let column: u64 = rows.iter().map(|row| row[class]).sum();
        assert_eq!((found["name"].as_str(), found["images"].as_u64()), (Some(*name), Some(3)));
        assert_eq!(rows[class].iter().sum::<u64>(), 3);
        assert_eq!(
            (found["predicted"].as_u64(), found["right"].as_u64()),
            (Some(column), Some(rows[class][class]))
        );
        let recall = rows[class][class] as f64 / 3.0;
        assert!((found["recall"].as_f64().unwrap() - recall).abs() < 1e-9);
        let line = format!(
            "Class {name}: precision {:.4}, recall {recall:.4}",
            found["precision"].as_f64().unwrap()
        );
        assert!(told.out.contains(&line), "{line}\n{}", told.out);
    }
    let mistakes = validation["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len() as u64, 9 - right);
    assert!(told.out.contains("All classes alike: precision"), "{}", told.out);
    let page = tree.path("output/data/report.html");
    assert!(told.out.contains(&format!("Report: {}", page.display())), "{}", told.out);
}

/// Labels that are wrong on purpose are the mistakes that the page shows.
#[test]
fn the_page_stands_alone_and_shows_the_mistakes() {
    let tree = OptMl::with_lists();
    let hostile = "<script>alert(1)</script>";
    for name in ["train", "validation"] {
        let (folder, list) =
            (tree.channel(name), tree.channel(&format!("{name}_lst")).join(format!("{name}.lst")));
        fs::rename(folder.join("dark"), folder.join("a&b")).unwrap();
        let text = fs::read_to_string(&list).unwrap().replace("dark/", "a&b/");
        fs::write(list, text).unwrap();
        fs::write(folder.join("classes.txt"), format!("{hostile}\nhalf\nlight\n")).unwrap();
    }
    // The dark images of the validation channel are said to be light.
    let list = tree.channel("validation_lst").join("validation.lst");
    let swapped = fs::read_to_string(&list).unwrap().replace("\t0.000000\ta&b", "\t2.000000\ta&b");
    fs::write(&list, swapped).unwrap();
    tree.hyperparameters(&[("epochs", "6"), ("learning_rate", "0.1"), ("checkpoint_frequency", "6")]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let page = fs::read_to_string(tree.path("output/data/report.html")).unwrap();
    for words in [
        "<svg ",
        "Confusion",
        "The worst mistakes",
        "a&amp;b/0.png (validation.lst line 1)",
        "data:image/png;base64,iVBOR",
    ] {
        assert!(page.contains(words), "no {words} in\n{page}");
    }
    let report = json(&tree.path("output/data/report.json"));
    let mistakes = report["validation"]["mistakes"].as_array().unwrap();
    assert!(mistakes.len() >= 3 && page.matches("<img ").count() == mistakes.len(), "{}", told.out);
    // Nothing is loaded, nothing runs, and no mark of the template is left. Pictures may spell anything.
    let page = Regex::new(r#"base64,[^"]*""#).unwrap().replace_all(&page, "\"");
    for words in ["http", "<script", "<link", "{{", "NaN", "src=\"/"] {
        assert!(!page.contains(words), "{words} in\n{page}");
    }
}

#[test]
fn several_labels_are_counted_one_by_one() {
    let tree = several_labels::tree(&[]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let validation = &json(&tree.path("output/data/report.json"))["validation"];
    assert_eq!(validation["confusion"], Value::Null);
    let images: Vec<u64> =
        (0..3).map(|class| validation["classes"][class]["images"].as_u64().unwrap()).collect();
    // Nine images: dark, both, light.
    assert_eq!(images, [6, 3, 6]);
    let cell = |class: usize, key: &str| validation["classes"][class][key].as_u64().unwrap();
    let wrong: u64 =
        (0..3).map(|class| cell(class, "images") + cell(class, "predicted") - 2 * cell(class, "right")).sum();
    assert!(
        (1.0 - wrong as f64 / 27.0 - validation["accuracy"].as_f64().unwrap()).abs() < 1e-9,
        "{validation}"
    );
}

#[test]
fn without_validation_there_are_curves_only() {
    let tree = OptMl::with_lists();
    let (data, out) = (tree.channel("train"), tree.path("out"));
    let told = run(["train", data.to_str().unwrap(), "--output", out.to_str().unwrap(), "--epochs", "2"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let report = json(&out.join("report.json"));
    assert_eq!((report["epochs"].as_array().unwrap().len(), &report["validation"]), (2, &Value::Null));
    assert!(told.out.contains(&format!("Report: {}", out.join("report.html").display())), "{}", told.out);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("<svg ") && !page.contains("Confusion") && !page.contains("{{"), "{page}");
}
