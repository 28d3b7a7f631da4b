//! The run as one page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brazier_image::{Pixels, encode};

use super::chart::{Curve, chart};
use super::{Epoch, Judged, Summary};
use crate::report::speed;
use crate::tally::{Mistake, Tally};

/// Up to so many classes the confusion matrix is drawn; of more, the pairs most often confused are listed.
const DRAWN: usize = 40;

/// Classes listed, the worst of more.
const CLASSES: usize = 1000;

/// Classes named for one image.
const NAMED: usize = 10;

/// Pairs listed.
const PAIRS: usize = 20;

/// Pictures up to so many pixels a side are shown without smoothing and losslessly.
const SMALL: u32 = 64;

/// Of the pictures in JPEG.
const QUALITY: u8 = 85;

/// The text of `report.html`.
pub(super) fn page(summary: &Summary) -> String {
    let job = summary.job;
    let [channels, height, width] = job.shape;
    let title = format!("{}, {} classes", job.layout.name(), job.layout.classes);
    let subtitle = format!(
        "Images of {channels},{height},{width}; {} of {} epochs of {} images in batches of {}.",
        summary.past.epochs.len(),
        job.epochs,
        job.samples_per_epoch,
        job.batch
    );
    let section = |of: fn(&Summary, &Judged) -> String| {
        summary.past.kept.as_ref().map(|judged| of(summary, judged)).unwrap_or_default()
    };
    let parts = [
        ("title", title),
        ("subtitle", subtitle),
        ("facts", facts(summary)),
        ("charts", charts(&summary.past.epochs)),
        ("classes", section(classes)),
        ("confusion", section(confusion)),
        ("mistakes", section(mistakes)),
        ("hyperparameters", hyperparameters(summary)),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    // Split once at the marks: what a part holds is never taken for a mark.
    let mut pieces = include_str!("page.html").split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        page.extend(parts.iter().filter(|(part, _)| *part == name).map(|(_, text)| text.as_str()));
        page.push_str(rest);
    }
    page
}

fn facts(summary: &Summary) -> String {
    let fact = |name: &str, value: String| format!("<div>{name}<b>{value}</b></div>");
    let mut facts = String::new();
    if let Some(Judged { validation, tally }) = &summary.past.kept {
        let epoch = validation.epoch + 1;
        facts += &fact("validation accuracy", percent(validation.seen.accuracy()));
        facts += &fact("mean F1 of the classes", format!("{:.4}", tally.mean_quality().f1));
        facts += &fact("of epoch", epoch.to_string());
        facts += &fact("validation images", validation.seen.samples.to_string());
    }
    if let Some(Epoch { trained, .. }) = summary.past.epochs.last() {
        facts += &fact("images a second", format!("{:.0}", speed(trained.seen, trained.time)));
        facts += &fact("waited for data", format!("{:.1} %", trained.data_wait()));
    }
    facts
}

fn charts(epochs: &[Epoch]) -> String {
    let curve = |name, value: &dyn Fn(&Epoch) -> Option<f64>| Curve {
        name,
        values: epochs.iter().map(value).collect(),
    };
    let accuracy = [
        curve("train", &|epoch| Some(epoch.trained.seen.accuracy())),
        curve("validation", &|epoch| Some(epoch.validation?.seen.accuracy())),
    ];
    let loss = [
        curve("train", &|epoch| Some(epoch.trained.seen.mean_loss())),
        curve("validation", &|epoch| Some(epoch.validation?.seen.mean_loss())),
    ];
    let rate = [curve("train", &|epoch| Some(epoch.trained.rate))];
    [
        chart("Accuracy", &accuracy, percent),
        chart("Loss", &loss, |value| format!("{value:.3}")),
        chart("Learning rate", &rate, |value| format!("{value:.2e}")),
    ]
    .concat()
}

fn classes(summary: &Summary, Judged { tally, .. }: &Judged) -> String {
    let row = |class: usize| {
        let (quality, name) = (tally.quality(class), escape(&summary.name(class)));
        let [precision, recall, f1] =
            [quality.precision, quality.recall, quality.f1].map(|share| format!("{share:.4}"));
        let (images, predicted) = (tally.actual[class], tally.predicted[class]);
        format!(
            "<tr><td>{name}</td><td>{precision}</td><td>{recall}</td><td>{f1}</td><td>{images}</td><td>{predicted}</td></tr>"
        )
    };
    let worst = tally.worst_classes();
    let mut rows: String = worst.iter().take(CLASSES).map(|&class| row(class)).collect();
    if let Some(more) = worst.len().checked_sub(CLASSES).filter(|&more| more > 0) {
        rows += &format!("<tr><td>and {more} more</td></tr>");
    }
    format!(
        "<h2>Classes, the worst first</h2><div class=\"scroll\"><table><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th>\
         <th>images</th><th>answers</th></tr>{rows}</table></div>"
    )
}

fn confusion(summary: &Summary, Judged { tally, .. }: &Judged) -> String {
    let Some(cells) = &tally.confusion else { return String::new() };
    let count = tally.actual.len();
    let name = |class: usize| escape(&summary.name(class));
    let table = if count <= DRAWN {
        let head: String = (0..count).map(|class| format!("<th>{}</th>", name(class))).collect();
        let rows: String = cells
            .chunks(count.max(1))
            .enumerate()
            .map(|(class, row)| matrix_row(tally, class, row, &name))
            .collect();
        format!("<table class=\"matrix\"><tr><th>is \\ answer</th>{head}</tr>{rows}</table>")
    } else {
        let row = |(actual, taken, count): (usize, usize, u64)| {
            format!("<tr><td>{}</td><td>{}</td><td>{count}</td></tr>", name(actual), name(taken))
        };
        let rows: String = tally.confusions().into_iter().take(PAIRS).map(row).collect();
        format!("<table><tr><th>is</th><th>was taken for</th><th>images</th></tr>{rows}</table>")
    };
    format!("<h2>Confusion</h2><div class=\"scroll\">{table}</div>")
}

fn matrix_row(tally: &Tally, class: usize, row: &[u64], name: &impl Fn(usize) -> String) -> String {
    let images = tally.actual[class].max(1) as f64;
    let cell = |(answer, &count): (usize, &u64)| {
        let share = count as f64 / images;
        // Wrong answers stand out, few of them too.
        let (colour, shade) = if answer == class {
            ("134,142,150", 0.4 * share)
        } else {
            ("217,72,15", 0.15 + 0.85 * share.sqrt())
        };
        match count {
            0 => "<td></td>".to_owned(),
            _ => format!("<td style=\"background:rgba({colour},{shade:.2})\">{count}</td>"),
        }
    };
    let cells: String = row.iter().enumerate().map(cell).collect();
    format!("<tr><th>{}</th>{cells}</tr>", name(class))
}

fn mistakes(summary: &Summary, Judged { tally, .. }: &Judged) -> String {
    let names = |classes: &[usize]| match classes {
        [] => "nothing".to_owned(),
        _ => {
            let more = if classes.len() > NAMED { " …" } else { "" };
            let names: Vec<String> = classes.iter().take(NAMED).map(|&class| summary.name(class)).collect();
            escape(&(names.join(", ") + more))
        }
    };
    let figure = |mistake: &Mistake| {
        let picture = mistake.pixels.as_ref().and_then(picture).unwrap_or_default();
        format!(
            "<figure>{picture}<figcaption><b>{}</b>, not {} ({})<br>{}</figcaption></figure>",
            names(&mistake.actual),
            names(&mistake.predicted),
            percent(mistake.probability),
            escape(&mistake.origin)
        )
    };
    if tally.mistakes.is_empty() {
        return String::new();
    }
    let figures: String = tally.mistakes.iter().map(figure).collect();
    let [_, height, width] = summary.job.shape;
    let small = if height.max(width) <= SMALL as usize { " small" } else { "" };
    format!(
        "<h2>The worst mistakes</h2><p>As the network saw them.</p><div class=\"mistakes{small}\">{figures}</div>"
    )
}

/// An image element that holds the picture itself; `None` of a picture that cannot be encoded.
fn picture(pixels: &Pixels) -> Option<String> {
    let (kind, bytes) = match pixels.width().max(pixels.height()) <= SMALL {
        true => ("png", encode::png(pixels).ok()?),
        false => ("jpeg", encode::jpeg(pixels, QUALITY).ok()?),
    };
    Some(format!("<img alt=\"\" src=\"data:image/{kind};base64,{}\">", STANDARD.encode(bytes)))
}

fn hyperparameters(summary: &Summary) -> String {
    let row = |(name, value): (&String, &String)| {
        format!("<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value))
    };
    summary.job.hyperparameters.iter().map(row).collect()
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Text that is shown as it is. Class and file names come from the user's data.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
