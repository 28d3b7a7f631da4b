//! A few images in every form that a channel of the public notebooks has.

use std::fs;
use std::thread::JoinHandle;

use brazier_image::{Pixels, encode};
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::Writer;

use crate::harness::{OptMl, run};
use crate::modes::{declare, feed};

/// What the channels hold.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// `.rec` files of JPEG photographs.
    Records,
    /// The same through pipes.
    PipedRecords,
    /// Images and labels in turns through pipes, as the platform sends an augmented manifest; with the content type.
    PipedManifest(&'static str),
    /// Images, and lists in channels of their own; with the content type of all four.
    Lists(&'static str),
    /// Lists with a column for each class.
    SeveralLabels,
    /// Records, and a model of 18 layers in the channel `model`.
    Incremental,
    /// Grey images with lists, and a model for 1,28,28 in the channel `model`.
    IncrementalGrey,
}

/// Images in a channel.
const IMAGES: usize = 6;

/// A tree whose images have the first of `classes` classes, and the threads that write its pipes.
pub fn channels(form: Form, classes: usize) -> (OptMl, Vec<JoinHandle<()>>) {
    let label = |at: usize| at % classes;
    match form {
        Form::Records | Form::Incremental => {
            let tree =
                OptMl::new(&[("train", "application/x-recordio"), ("validation", "application/x-recordio")]);
            for name in ["train", "validation"] {
                fs::write(tree.channel(name).join("caltech.rec"), records(label)).unwrap();
            }
            if form == Form::Incremental {
                model(&tree, "3,224,224", classes);
            }
            (tree, Vec::new())
        }
        Form::PipedRecords | Form::PipedManifest(_) => {
            let tree = OptMl::new(&[]);
            fs::create_dir_all(tree.path("input/data")).unwrap();
            let (wrapper, content_type, bytes) = match form {
                Form::PipedManifest(content_type) => ("RecordIO", content_type, pairs(label)),
                _ => ("None", "application/x-recordio", records(label)),
            };
            declare(&tree, "Pipe", wrapper, content_type);
            let writers = ["train", "validation"].map(|name| feed(tree.channel(name), bytes.clone(), 1));
            (tree, writers.into())
        }
        Form::Lists(content_type) => (listed(content_type, "jpg", |at| label(at).to_string()), Vec::new()),
        Form::SeveralLabels => {
            let row = |at: usize| {
                let cells: Vec<&str> = (0..classes)
                    .map(|class| if (at + class).is_multiple_of(2) { "1" } else { "0" })
                    .collect();
                cells.join("\t")
            };
            (listed("application/x-image", "jpg", row), Vec::new())
        }
        Form::IncrementalGrey => {
            let tree = listed("application/x-image", "png", |at| label(at).to_string());
            model(&tree, "1,28,28", classes);
            (tree, Vec::new())
        }
    }
}

/// Images and lists, in the layout of the seed book: `<class>/<file>`.
fn listed(content_type: &'static str, ending: &str, label: impl Fn(usize) -> String) -> OptMl {
    let names = ["train", "validation", "train_lst", "validation_lst"];
    let tree = OptMl::new(&names.map(|name| (name, content_type)));
    for name in ["train", "validation"] {
        let mut list = String::new();
        for at in 0..IMAGES {
            let folder = tree.channel(name).join(at.to_string());
            fs::create_dir_all(&folder).unwrap();
            let image = if ending == "png" { digit(at) } else { photo(at) };
            fs::write(folder.join(format!("{at:04}.{ending}")), image).unwrap();
            list += &format!("{at}\t{}\t{at}/{at:04}.{ending}\n", label(at));
        }
        fs::write(tree.channel(&format!("{name}_lst")).join(format!("{name}.lst")), list).unwrap();
    }
    tree
}

fn records(label: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for at in 0..IMAGES {
        let image = photo(at);
        writer.write(&ImageRecord::single(label(at) as f32, at as u64, &image).encode()).unwrap();
    }
    writer.into_inner()
}

fn pairs(label: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for at in 0..IMAGES {
        writer.write(&photo(at)).unwrap();
        writer.write(label(at).to_string().as_bytes()).unwrap();
    }
    writer.into_inner()
}

/// A colour JPEG whose sides are not those of any network's input.
fn photo(number: usize) -> Vec<u8> {
    let (width, height) = (80 + number as u32 * 7, 64 + number as u32 * 3);
    let pixel = |at: usize| (at * (number + 3) % 251) as u8;
    let pixels = (0..(width * height * 3) as usize).map(pixel).collect();
    encode::jpeg(&Pixels::new(width, height, 3, pixels).unwrap(), 90).unwrap()
}

/// A grey PNG of 28x28.
fn digit(number: usize) -> Vec<u8> {
    let pixels = (0..28 * 28).map(|at| (at * (number + 3) % 251) as u8).collect();
    encode::png(&Pixels::new(28, 28, 1, pixels).unwrap()).unwrap()
}

/// Puts a model of 18 layers into the channel `model`, as a job before left it.
fn model(tree: &OptMl, shape: &str, classes: usize) {
    let first = tree.path("first");
    let data = tree.channel("train");
    let classes = classes.to_string();
    let told = run([
        "train",
        data.to_str().unwrap(),
        "--rehearse",
        "--output",
        first.to_str().unwrap(),
        "--num-layers",
        "18",
        "--image-shape",
        shape,
        "--num-classes",
        &classes,
        "--mini-batch-size",
        "2",
    ]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    fs::create_dir_all(tree.channel("model")).unwrap();
    fs::rename(first.join("model.tar.gz"), tree.channel("model").join("model.tar.gz")).unwrap();
    let path = tree.path("input/config/inputdataconfig.json");
    let text = fs::read_to_string(&path).unwrap();
    let model = r#"{"model": {"ContentType": "application/x-sagemaker-model", "TrainingInputMode": "File"},"#;
    fs::write(path, text.replacen('{', model, 1)).unwrap();
}
