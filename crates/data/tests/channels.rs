//! What a directory is taken for, and what is wrong with one that is no channel.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use brazier_data::{DataError, Options, open};
use fixture::{Input, contents, labelled, png, record_file, records};

#[test]
fn record_files_are_read_in_name_order() {
    let input = Input::new();
    input.write("train/b.rec", record_file(2, 2));
    input.write("train/a.rec", records(&[labelled(5.0, &png(50))]).0);
    input.write("train/_SUCCESS", "");
    input.write("train/empty.rec", "");
    input.write("train/.hidden.rec", "not a record file");
    let dataset = input.train().unwrap();
    assert_eq!(dataset.description, "train: 3 records in 2 files, 2 other files passed over (empty)");
    assert_eq!(contents(&dataset), [(5.0, 50), (0.0, 0), (1.0, 1)]);
    let second = (png(0).len() + 24 + 8).next_multiple_of(4);
    let origin = dataset.source.origin(2).unwrap().to_string();
    assert_eq!(origin, format!("b.rec, record 1 at byte {second}"));
    assert!(matches!(dataset.source.read(3), Err(DataError::Index { index: 3, len: 3 })));
}

#[test]
fn a_record_cut_at_a_magic_is_joined() {
    let input = Input::new();
    let mut image = b"some".to_vec();
    image.extend(0xced7_230a_u32.to_le_bytes());
    image.extend(b"image");
    input.write("train/train.rec", records(&[labelled(1.0, &image)]).0);
    let dataset = input.train().unwrap();
    assert_eq!(*dataset.source.read(0).unwrap().encoded, *image);
}

#[test]
fn a_list_names_the_images_of_another_channel() {
    let input = Input::new();
    input.write("train/0/a b.png", png(10));
    input.write("train/1/c.png", png(11));
    input.write("train/1/stray.png", png(12));
    input.write("train_lst/train.lst", "7\t1.000000\t1/c.png\r\n\r\n0003\t0\t./0/a b.png");
    let dataset = open(&input.channel("train", Some("train_lst")), &Options::default()).unwrap();
    assert_eq!(dataset.description, "train: 2 images listed in train.lst");
    assert_eq!(contents(&dataset), [(1.0, 11), (0.0, 10)]);
    assert_eq!(dataset.source.origin(1).unwrap().to_string(), "./0/a b.png (train.lst line 3)");
    assert_eq!(dataset.class_names.unwrap(), ["0", "1"]);
}

#[test]
fn a_list_may_lie_beside_its_images() {
    let input = Input::new();
    input.write("train/cat.png", png(10));
    input.write("train/train.lst", "0\t4.0\tcat.png\n");
    let dataset = input.train().unwrap();
    assert_eq!(contents(&dataset), [(4.0, 10)]);
    assert_eq!(dataset.class_names, None);
}

#[test]
fn files_that_are_not_used_are_counted() {
    let input = Input::new();
    input.write("train/cat/1.png", png(1));
    let description = || input.train().unwrap().description;
    assert_eq!(description(), "train: 1 images in 1 class folders");
    input.write("train/cat/deep/2.HEIC", "foreign");
    assert_eq!(description(), "train: 1 images in 1 class folders, 1 other file passed over (.heic)");
    input.write("train/cat/.hidden.heic", "");
    for name in ["3.heic", "4.jxl", "5.a", "6.b", "7.c", "8.d", "LICENCE"] {
        input.write(&format!("train/cat/{name}"), "foreign");
    }
    let kinds = "(.a, .b, .c, .d, .heic, .jxl, ...)";
    assert_eq!(
        description(),
        format!("train: 1 images in 1 class folders, 8 other files passed over {kinds}")
    );

    input.write("train/train.rec", record_file(2, 2));
    input.write("train/train.idx", "0\t0");
    input.write("train/classes.txt", "a\nb");
    assert_eq!(description(), "train: 2 records in train.rec, 1 other file passed over (.idx)");
}

#[test]
fn folders_are_classes_in_byte_order() {
    let input = Input::new();
    input.write("train/dog/2.PNG", png(20));
    input.write("train/dog/1.png", png(21));
    input.write("train/Zebra/deep/er/x.jpeg", png(22));
    input.write("train/cat/a.png", png(23));
    input.write("train/cat/notes.txt", "stray");
    input.write("train/cat/empty.png", "");
    input.write("train/_lst/train.lst", "a folder without images is no class");
    input.write("train/.ipynb_checkpoints/a.png", png(24));
    input.write("train/readme.png", png(25));
    let dataset = input.train().unwrap();
    assert_eq!(
        dataset.description,
        "train: 4 images in 3 class folders, 4 other files passed over (.lst, .png, .txt, empty)"
    );
    assert_eq!(contents(&dataset), [(0.0, 22), (1.0, 23), (2.0, 21), (2.0, 20)]);
    assert_eq!(dataset.class_names.unwrap(), ["Zebra", "cat", "dog"]);
    assert_eq!(dataset.source.origin(3).unwrap().to_string(), "dog/2.PNG");
}

#[cfg(unix)]
#[test]
fn links_to_files_and_class_folders_count_and_circles_do_not() {
    use std::os::unix::fs::symlink;
    let input = Input::new();
    let image = input.write("elsewhere/1.png", png(1));
    let folder = input.path().join("train/cat");
    std::fs::create_dir_all(&folder).unwrap();
    symlink(&image, folder.join("linked.png")).unwrap();
    symlink(&folder, folder.join("circle")).unwrap();
    symlink("nowhere", folder.join("dangling.png")).unwrap();
    symlink(input.path().join("elsewhere"), input.path().join("train/dog")).unwrap();
    let dataset = input.train().unwrap();
    assert_eq!(contents(&dataset), [(0.0, 1), (1.0, 1)]);
    assert_eq!(dataset.class_names.unwrap(), ["cat", "dog"]);
}

#[test]
fn validation_folders_are_numbered_as_in_training() {
    let input = Input::new();
    input.write("validation/dog/1.png", png(1));
    let classes = ["cat".to_owned(), "dog".to_owned()];
    let files = input.channel("validation", None);
    let dataset = open(&files, &Options { classes: Some(&classes), ..Options::default() }).unwrap();
    assert_eq!(contents(&dataset), [(1.0, 1)]);
    assert_eq!(dataset.class_names.unwrap(), classes);

    input.write("validation/cow/1.png", png(1));
    let message =
        open(&files, &Options { classes: Some(&classes), ..Options::default() }).unwrap_err().to_string();
    let expected = "folder 'cow' is no class of the training channel, whose classes are cat, dog";
    assert_eq!(message, format!("channel 'validation': {expected}"));
}

#[test]
fn names_come_from_paths_only_where_folders_and_labels_agree() {
    let names = |list: &str| {
        let input = Input::new();
        for path in ["a/1", "a/2", "b/1", "b/x/2", "c/1", "x"] {
            input.write(&format!("train/{path}"), png(0));
        }
        input.write("train/train.lst", list);
        input.train().unwrap().class_names
    };
    assert_eq!(names("1\t1\tb/1\n2\t0\ta/1\n3\t1\tb/x/2").unwrap(), ["a", "b"]);
    assert_eq!(names("1\t0\ta/1\n2\t0\tb/1"), None, "one label, two folders");
    assert_eq!(names("1\t0\ta/1\n2\t1\ta/2"), None, "one folder, two labels");
    assert_eq!(names("1\t0\ta/1\n2\t2\tc/1"), None, "no name for label 1");
    assert_eq!(names("1\t0\ta/1\n2\t1\tx"), None, "an image in no folder");
    assert_eq!(names("1\t0\t1\ta/1"), None, "several labels");
}

#[test]
fn a_file_of_class_names_is_found_in_or_above_the_channel() {
    let input = Input::new();
    input.write("train/train.rec", record_file(2, 2));
    input.write("classes.txt", "tabby cat\r\ndog\n\n");
    assert_eq!(input.train().unwrap().class_names.unwrap(), ["tabby cat", "dog"]);
    input.write("train/classes.txt", "one\n\nthree");
    let message = input.train().unwrap_err().to_string();
    assert!(message.contains("train/classes.txt, line 2: the name is empty"), "{message}");
}

#[test]
fn what_is_no_channel_says_what_was_looked_for() {
    let input = Input::new();
    let missing = input.train().unwrap_err();
    assert!(matches!(&missing, DataError::MissingChannel { channel, .. } if channel == "train"));
    assert!(missing.is_user_fault());

    input.write("train/loose.png", png(1));
    let message = input.train().unwrap_err().to_string();
    assert!(message.starts_with("channel 'train' is empty: "), "{message}");
    assert!(
        message.contains("no IDX file and no class folder with images (1 other file passed over (.png))"),
        "{message}"
    );

    let files = input.channel("train", Some("train_lst"));
    assert!(
        matches!(open(&files, &Options::default()), Err(DataError::MissingChannel { channel, .. }) if channel == "train_lst")
    );
    input.write("train_lst/list.txt", "0\t0\tloose.png");
    assert!(matches!(
        open(&files, &Options::default()),
        Err(DataError::EmptyChannel { looked_for: ".lst file", .. })
    ));
}

#[test]
fn damage_is_found_when_the_channel_opens() {
    let input = Input::new();
    let (mut bytes, offsets) = records(&[labelled(0.0, &png(0)), labelled(0.0, &png(1))]);
    bytes[offsets[1] as usize] ^= 1;
    input.write("train/train.rec", &bytes);
    let error = input.train().unwrap_err();
    let expected = format!("train.rec: no record begins at byte {}: found 0xced7230b", offsets[1]);
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(error.is_user_fault());

    input.write("train/train.rec", &bytes[..bytes.len() - 4]);
    assert!(matches!(input.train(), Err(DataError::Record { .. })));
}

#[test]
fn a_bad_line_is_named() {
    let input = Input::new();
    input.write("train/a.png", png(0));
    let message = |list: &str| {
        input.write("train/train.lst", list);
        input.train().unwrap_err().to_string()
    };
    let outside = message("0\t0\ta.png\n1\t0\t../secret.png");
    assert!(outside.starts_with("../secret.png (train.lst line 2): the path leaves"), "{outside}");
    let absolute = message("0\t0\t/etc/passwd");
    assert!(absolute.contains("line 1): the path leaves"), "{absolute}");
    let fields = message("0\t0\ta.png\n\n1 0 b.png");
    assert!(fields.starts_with("train.lst: list line 3: "), "{fields}");
}

#[test]
fn a_listed_image_that_is_missing_or_empty_is_named_when_the_channel_opens() {
    let input = Input::new();
    input.write("train/train.lst", "0\t0\tcat/1.png");
    let refused = || {
        let error = input.train().unwrap_err();
        assert!(error.is_user_fault());
        error.to_string()
    };
    let missing = "cat/1.png (train.lst line 1): there is no such image file";
    assert!(refused().starts_with(missing), "{}", refused());
    input.write("train/cat", "a file where a folder is expected");
    assert!(refused().starts_with(missing), "{}", refused());
    std::fs::remove_file(input.path().join("train/cat")).unwrap();
    std::fs::create_dir_all(input.path().join("train/cat/1.png")).unwrap();
    assert!(refused().starts_with(missing), "{}", refused());
    std::fs::remove_dir(input.path().join("train/cat/1.png")).unwrap();
    let image = input.write("train/cat/1.png", "");
    let empty = refused();
    assert!(empty.starts_with("cat/1.png (train.lst line 1): the image file in "), "{empty}");
    assert!(empty.ends_with("is empty: found 0 bytes, expected an encoded image"), "{empty}");

    // One that goes after the channel was opened is still named.
    std::fs::write(&image, png(1)).unwrap();
    let dataset = input.train().unwrap();
    std::fs::remove_file(image).unwrap();
    assert!(dataset.source.read(0).unwrap_err().to_string().starts_with(missing));
}
