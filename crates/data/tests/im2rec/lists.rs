//! A folder of images to lists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use brazier_data::im2rec::{ListOptions, Listing, list, lists};

use crate::{expected, strings, write};

/// The options of a command line of the original.
fn options(arguments: &[String]) -> ListOptions {
    let mut options = ListOptions::default();
    let mut arguments = arguments.iter().map(String::as_str).peekable();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap();
        match argument {
            "--recursive" => options.recursive = true,
            "--no-shuffle" => options.shuffle = false,
            "--train-ratio" => options.train_ratio = value().parse().unwrap(),
            "--test-ratio" => options.test_ratio = value().parse().unwrap(),
            "--chunks" => options.chunks = value().parse().unwrap(),
            "--exts" => {
                options.extensions.clear();
                while let Some(ending) = arguments.next_if(|next| !next.starts_with("--")) {
                    options.extensions.push(ending.to_owned());
                }
            }
            other => panic!("{other}"),
        }
    }
    options
}

/// What the original prints.
fn printed(listing: &Listing) -> String {
    (0..).zip(&listing.classes).map(|(number, folder)| format!("{folder} {number}\n")).collect()
}

fn texts(folder: &Path) -> BTreeMap<String, String> {
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (name(&path), text(&path))).collect()
}

#[test]
fn lists_and_classes_are_those_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("images");
    strings(&expected("tree")).iter().for_each(|name| write(root.join(name), ""));
    let cases = expected("lists");
    assert_eq!(cases.as_array().unwrap().len(), 12);
    for (number, case) in cases.as_array().unwrap().iter().enumerate() {
        let options = options(&strings(&case["options"]));
        let out = folder.path().join(format!("lists{number}"));
        fs::create_dir(&out).unwrap();
        let listing = list(&out.join("x"), &root, &options).unwrap();
        let texts = texts(&out);
        assert_eq!(serde_json::json!(texts), case["files"], "{options:?}");
        assert_eq!(printed(&listing), case["printed"], "{options:?}");
        let counts = listing.files.iter().map(|file| file.images);
        let lines = listing.files.iter().map(|file| fs::read_to_string(&file.path).unwrap().lines().count());
        assert!(counts.eq(lines));
        assert_eq!(listing.files.len(), texts.len());
    }
}

#[test]
fn a_link_back_up_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("images");
    write(root.join("a/1.png"), "");
    std::os::unix::fs::symlink(&root, root.join("a/up")).unwrap();
    std::os::unix::fs::symlink(root.join("a"), root.join("b")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("c.png")).unwrap();
    let options = ListOptions { recursive: true, shuffle: false, ..ListOptions::default() };
    let listing = list(&folder.path().join("x"), &root, &options).unwrap();
    assert_eq!((listing.images, listing.classes.as_slice()), (2, &["a".to_owned(), "b".to_owned()][..]));
    let text = fs::read_to_string(folder.path().join("x.lst")).unwrap();
    assert_eq!(text, "0\t0.000000\ta/1.png\n1\t1.000000\tb/1.png\n");
}

#[test]
fn lists_of_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x_val.lst", "x.lst", "x.lst.bak", "y.lst", "x_train.lst", "in/z.lst", "x_dir.lst/w.lst"] {
        write(folder.path().join(name), "");
    }
    let names = |prefix: &Path| -> Vec<_> {
        let paths = lists(prefix).unwrap();
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&folder.path().join("x")), ["x.lst", "x_train.lst", "x_val.lst"]);
    assert_eq!(names(&folder.path().join("in")), ["z.lst"]);
    assert_eq!(names(&folder.path().join("none")), Vec::<String>::new());
}
