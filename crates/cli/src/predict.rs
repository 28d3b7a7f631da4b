//! `brazier predict`: an artifact asked on the command line.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use brazier_serve::Predictor;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use npyz::NpyFile;
use serde_json::json;

use crate::device;
use crate::fault::client;
use crate::output::unless_closed;

/// Images computed at once.
const BATCH: usize = 32;

/// Classes shown to a person.
const SHOWN: usize = 5;

/// The command line of `predict`.
pub fn command() -> Command {
    Command::new("predict")
        .about("Classify images")
        .arg(
            Arg::new("model")
                .long("model")
                .value_name("PATH")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Model folder or model.tar.gz"),
        )
        .arg(
            Arg::new("image")
                .value_name("IMAGE")
                .num_args(1..)
                .required_unless_present("npy")
                .value_parser(value_parser!(PathBuf))
                .help("Image files"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON object a line instead of text for people"),
        )
        .arg(
            Arg::new("npy")
                .long("npy")
                .value_name("FILE")
                .conflicts_with("image")
                .value_parser(value_parser!(PathBuf))
                .help("A uint8 array of N,C,H,W pixels, as numpy.save writes it; one JSON object a row"),
        )
        .arg(device::flag())
}

/// Predicts.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let Some(model) = arguments.get_one::<PathBuf>("model") else { return Ok(()) };
    let predictor = Predictor::load(model, &device::told(arguments)?.devices[0])?;
    let mut out = io::stdout().lock();
    if let Some(npy) = arguments.get_one::<PathBuf>("npy") {
        return unless_closed(rows(&predictor, npy, &mut out));
    }
    let images: Vec<&PathBuf> = arguments.get_many("image").into_iter().flatten().collect();
    unless_closed(files(&predictor, &images, arguments.get_flag("json"), &mut out))
}

/// Answers every image that can be read; the first that cannot is the error, told after the answers.
fn files(
    predictor: &Predictor,
    images: &[&PathBuf],
    as_json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut failed = None;
    for images in images.chunks(BATCH) {
        let (mut names, mut pixels) = (Vec::new(), Vec::new());
        for image in images {
            match read(predictor, image) {
                Ok(image_pixels) => {
                    names.push(image.display().to_string());
                    pixels.extend(image_pixels);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if names.is_empty() {
            continue;
        }
        for (name, probabilities) in names.iter().zip(predictor.predict(pixels, names.len())?) {
            if as_json {
                json_line(predictor, Some(name), &probabilities, out)?;
            } else {
                text(predictor, name, &probabilities, out)?;
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn read(predictor: &Predictor, image: &Path) -> anyhow::Result<Vec<u8>> {
    let name = || image.display().to_string();
    let encoded = std::fs::read(image).map_err(|error| client(format!("{}: {error}", name())))?;
    predictor.preprocess(&encoded).with_context(name)
}

/// Classes by falling probability; the lower number first among equals.
fn ranked(probabilities: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order
}

/// Of a model of several labels the classes that the image belongs to, the likeliest first.
fn found(probabilities: &[f32]) -> Vec<usize> {
    let mut order = ranked(probabilities);
    order.retain(|&class| probabilities[class] > 0.5);
    order
}

fn text(predictor: &Predictor, name: &str, probabilities: &[f32], out: &mut impl Write) -> io::Result<()> {
    let order = ranked(probabilities);
    let Some(&best) = order.first() else { return Ok(()) };
    let told =
        |class: usize| format!("{} ({:.2} %)", predictor.class_name(class), probabilities[class] * 100.0);
    if predictor.is_multi_label() {
        let found: Vec<String> = found(probabilities).into_iter().map(told).collect();
        writeln!(out, "{name}: {}", if found.is_empty() { "none".into() } else { found.join(", ") })?;
    } else {
        writeln!(out, "{name}: {}", told(best))?;
    }
    for &class in order.iter().take(SHOWN) {
        let share = probabilities[class];
        let bar = "#".repeat((share * 30.0).round() as usize);
        writeln!(out, "  {:>6.2} %  {:<16} {bar}", share * 100.0, predictor.class_name(class))?;
    }
    Ok(())
}

fn json_line(
    predictor: &Predictor,
    file: Option<&str>,
    probabilities: &[f32],
    out: &mut impl Write,
) -> io::Result<()> {
    let label = ranked(probabilities).first().copied().unwrap_or(0);
    let mut line = serde_json::Map::new();
    if let Some(file) = file {
        line.insert("file".into(), json!(file));
    }
    line.insert("probabilities".into(), json!(probabilities));
    line.insert("label".into(), json!(label));
    line.insert("class".into(), json!(predictor.class_name(label)));
    if predictor.is_multi_label() {
        let classes = found(probabilities);
        let names: Vec<String> = classes.iter().map(|&class| predictor.class_name(class)).collect();
        line.insert("labels".into(), json!(classes));
        line.insert("classes".into(), json!(names));
    }
    writeln!(out, "{}", serde_json::Value::Object(line))
}

fn rows(predictor: &Predictor, path: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let name = path.display();
    let refused = |reason: String| client(format!("{name}: {reason}"));
    let file = File::open(path).map_err(|error| refused(error.to_string()))?;
    let array = NpyFile::new(BufReader::new(file)).map_err(|error| refused(error.to_string()))?;
    let (shape, order) = (array.shape().to_vec(), array.order());
    let input = predictor.shape();
    let [channels, height, width] = [input.channels, input.height, input.width].map(|extent| extent as usize);
    let expected = [channels as u64, height as u64, width as u64];
    if shape.len() != 4 || shape[1..] != expected || order != npyz::Order::C {
        return Err(refused(format!(
            "the array has shape {shape:?} in {order:?} order, expected [N, {channels}, {height}, {width}] in C order"
        )));
    }
    let values: Vec<u8> =
        array.into_vec().map_err(|error| refused(format!("expected uint8 values: {error}")))?;
    let image = channels * height * width;
    for images in values.chunks(image * BATCH) {
        let mut pixels = Vec::with_capacity(images.len());
        for image in images.chunks_exact(image) {
            // Channels first in the file, last in the network's input.
            pixels.extend(
                (0..height * width).flat_map(|at| (0..channels).map(move |c| image[c * height * width + at])),
            );
        }
        for probabilities in predictor.predict(pixels, images.len() / image)? {
            json_line(predictor, None, &probabilities, out)?;
        }
    }
    Ok(())
}
