//! A list to records.

use std::cell::RefCell;
use std::fs;
use std::num::NonZeroU32;

use brazier_data::im2rec::{Color, Encoding, PackOptions, pack};
use brazier_image::{Limits, Pixels, decode, encode};
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{Reader, offsets};
use brazier_mxnet::{idx, lst};

use crate::{bytes, expected, golden, strings, write};

fn options(arguments: &[String]) -> PackOptions {
    let mut options = PackOptions { encoding: Encoding::Png, ..PackOptions::default() };
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap();
        match argument {
            "--resize" => options.resize = NonZeroU32::new(value().parse().unwrap()),
            "--center-crop" => options.center_crop = true,
            "--pack-label" => options.pack_label = true,
            "--color" => {
                options.color = match value() {
                    "1" => Color::Rgb,
                    "0" => Color::Grey,
                    _ => Color::AsIs,
                }
            }
            other => panic!("{other}"),
        }
    }
    options
}

#[test]
fn files_passed_through_make_the_same_records_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in expected("contents").as_object().unwrap() {
        write(folder.path().join(name), bytes(content));
    }
    let list = folder.path().join("x.lst");
    write(&list, expected("lines").as_str().unwrap());
    for case in expected("passed_through").as_array().unwrap() {
        let options = PackOptions { pass_through: true, ..options(&strings(&case["options"])) };
        let packed = pack(&list, folder.path(), &options, &|_, _| {}).unwrap();
        assert_eq!((packed.written, packed.failed.len()), (3, 0));
        assert_eq!(fs::read(packed.path).unwrap(), bytes(&case["rec"]));
        assert_eq!(fs::read_to_string(folder.path().join("x.idx")).unwrap(), case["idx"].as_str().unwrap());
    }
}

/// A pixel may differ by one: OpenCV resizes with other roundings.
#[test]
fn pixels_are_those_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = fs::read(golden("im2rec-png.rec")).unwrap();
    let mut theirs = Reader::new(theirs.as_slice());
    for case in expected("packed").as_array().unwrap() {
        let shape: Vec<u32> =
            case["shape"].as_array().unwrap().iter().map(|side| side.as_u64().unwrap() as u32).collect();
        let channels = shape.get(2).copied().unwrap_or(1);
        let source = Pixels::new(shape[1], shape[0], channels, bytes(&case["pixels"])).unwrap();
        write(folder.path().join("x.png"), encode::png(&source).unwrap());
        write(folder.path().join("x.lst"), "0\t0\tx.png\n");
        let options = options(&strings(&case["options"]));
        let packed = pack(&folder.path().join("x.lst"), folder.path(), &options, &|_, _| {}).unwrap();

        let channels = if options.color == Color::Rgb { 3 } else { 1 };
        let pixels = |payload: &[u8]| {
            decode(ImageRecord::parse(payload).unwrap().image, channels, &Limits::default()).unwrap()
        };
        let payload =
            Reader::new(fs::File::open(packed.path).unwrap()).next_record().unwrap().unwrap().payload;
        let theirs = theirs.next_record().unwrap().unwrap().payload;
        let (ours, theirs) = (pixels(&payload), pixels(&theirs));
        assert_eq!((ours.width(), ours.height()), (theirs.width(), theirs.height()), "{options:?}");
        let apart = ours.data().iter().zip(theirs.data()).map(|(ours, theirs)| ours.abs_diff(*theirs)).max();
        assert!(apart.unwrap() <= 1, "{options:?}: {apart:?}");
        // The number of channels is the PNG's own: byte 25 is its colour type, 0 for grey and 2 for RGB.
        let stored = ImageRecord::parse(&payload).unwrap().image[25];
        assert_eq!(stored, if channels == 1 { 0 } else { 2 }, "{options:?}");
    }
    assert!(theirs.next_record().unwrap().is_none());
}

#[test]
fn the_number_of_threads_changes_nothing_but_bad_images_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let png = |shade| encode::png(&Pixels::new(4, 4, 1, vec![shade; 16]).unwrap()).unwrap();
    let mut list = String::new();
    for number in (0..100_u8).rev() {
        let content = if number % 30 == 7 { b"no image".to_vec() } else { png(number) };
        write(folder.path().join(format!("images/{number}")), content);
        list += &format!("{number}\t{number}\t{number}\n");
    }
    list += "100\t0\tmissing\nnonsense\n-1\t0\tnegative\n";
    write(folder.path().join("images/empty"), "");
    list += "101\t0\tempty\n";
    let path = folder.path().join("x.lst");
    write(&path, &list);

    let run = |threads| {
        let options = PackOptions { threads, ..PackOptions::default() };
        let told = RefCell::new(Vec::new());
        let progress = |done, total| told.borrow_mut().push((done, total));
        let packed = pack(&path, &folder.path().join("images"), &options, &progress).unwrap();
        assert_eq!(told.borrow().last(), Some(&(104, 104)));
        (packed.clone(), fs::read(&packed.path).unwrap(), fs::read(path.with_extension("idx")).unwrap())
    };
    let (packed, records, index) = run(1);
    for threads in [2, 3] {
        assert!(run(threads) == (packed.clone(), records.clone(), index.clone()), "{threads} threads");
    }
    let failed: Vec<&str> = packed.failed.iter().map(|failure| failure.path.as_str()).collect();
    assert_eq!(failed, ["97", "67", "37", "7", "missing", "x.lst", "negative", "empty"]);
    let reasons: Vec<&str> = packed.failed.iter().map(|failure| failure.reason.as_str()).collect();
    assert!(reasons[0].starts_with("unknown image format"), "{}", reasons[0]);
    assert!(reasons[4].starts_with("cannot read "), "{}", reasons[4]);
    assert!(reasons[5].starts_with("list line 102: 1 field"), "{}", reasons[5]);
    assert_eq!(reasons[6..], ["its index -1 is negative", "the file is empty"]);

    // The order is the list's, and key, id and label agree.
    let entries =
        lst::lines(list.as_bytes()).flatten().filter(|entry| !failed.contains(&entry.path.as_str()));
    let index = idx::parse(index).unwrap();
    assert_eq!(index.iter().map(|entry| entry.offset).collect::<Vec<_>>(), offsets(&records).unwrap());
    let mut reader = Reader::new(records.as_slice());
    for (entry, key) in entries.zip(index) {
        let record = reader.next_record().unwrap().unwrap();
        let image = ImageRecord::parse(&record.payload).unwrap();
        assert_eq!((key.key, image.id as i64, image.label), (entry.index, entry.index, entry.labels));
        assert_eq!(image.image[..3], [0xff, 0xd8, 0xff]);
    }
    assert_eq!(packed.written, 96);
    assert!(reader.next_record().unwrap().is_none());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn quality_and_colour_of_jpegs() {
    let folder = tempfile::tempdir().unwrap();
    let rgb =
        (0..64 * 48).flat_map(|at| [(at % 64) as u8 * 3, (at / 64) as u8 * 5, at as u8 % 7 * 9]).collect();
    let source = Pixels::new(64, 48, 3, rgb).unwrap();
    write(folder.path().join("colour.png"), encode::png(&source).unwrap());
    write(folder.path().join("grey.png"), encode::png(&Pixels::new(9, 5, 1, vec![77; 45]).unwrap()).unwrap());
    let list = folder.path().join("x.lst");
    write(&list, "0\t0\tcolour.png\n1\t1\tgrey.png\n");
    let images = |quality, color| -> Vec<Vec<u8>> {
        let options = PackOptions { quality, color, ..PackOptions::default() };
        let packed = pack(&list, folder.path(), &options, &|_, _| {}).unwrap();
        let mut reader = Reader::new(fs::File::open(packed.path).unwrap());
        let image = |payload: Vec<u8>| ImageRecord::parse(&payload).unwrap().image.to_vec();
        std::iter::from_fn(|| reader.next_record().unwrap()).map(|record| image(record.payload)).collect()
    };
    // A frame header says how many components there are and how they are sampled.
    let components = |jpeg: &[u8]| {
        let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        (jpeg[frame + 9], jpeg[frame + 11])
    };
    let [good, poor] = [95, 20].map(|quality| images(quality, Color::AsIs));
    assert!(poor[0].len() * 3 / 2 < good[0].len(), "{} {}", poor[0].len(), good[0].len());
    assert_eq!(components(&good[0]), (3, 0x22));
    assert_eq!(components(&good[1]).0, 1);
    assert_eq!(components(&images(95, Color::Rgb)[1]).0, 3);
    assert_eq!(components(&images(95, Color::Grey)[0]).0, 1);
    let decoded = decode(&good[1], 1, &Limits::default()).unwrap();
    assert!(decoded.data().iter().all(|pixel| pixel.abs_diff(77) <= 1));
    let decoded = decode(&good[0], 3, &Limits::default()).unwrap();
    let apart = decoded.data().iter().zip(source.data()).map(|(a, b)| u64::from(a.abs_diff(*b)));
    assert!(apart.sum::<u64>() / (64 * 48 * 3) < 12);
}
