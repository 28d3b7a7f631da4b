//! Records of a RecordIO file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use brazier_image::probe;
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{self, OwnedRecord, Reader};
use serde_json::{Value, json};

use super::Form;
use super::digest::sha256;
use crate::fault::client;

/// Records shown to a person.
const SHOWN: usize = 10;

/// Walks the file front to back, one record in memory at a time.
pub fn show(path: &Path, file: File, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let refused = |reason: String| client(format!("{}: {reason}", path.display()));
    let bytes = file.metadata().map_err(|error| refused(error.to_string()))?.len();
    let (part, parts) = form.part.unwrap_or((0, 1));
    let share = recordio::share(bytes, part, parts).map_err(|error| refused(error.to_string()))?;
    let mut reader = Reader::new(file);
    let mut summary = Summary::default();
    while let Some(record) = reader.next_record().map_err(|error| refused(error.to_string()))? {
        if !share.contains(&record.offset) {
            continue;
        }
        let line = match form.raw {
            true => raw(&record),
            false => image(&record)
                .map_err(|reason| refused(format!("record at byte {}: {reason}", record.offset)))?,
        };
        if form.json {
            writeln!(out, "{line}")?;
        } else {
            summary.take(&line, out)?;
        }
    }
    if !form.json {
        summary.conclude(path, out)?;
    }
    Ok(())
}

fn raw(record: &OwnedRecord) -> Value {
    json!({ "offset": record.offset, "bytes": record.payload.len(), "sha256": sha256(&record.payload) })
}

fn image(record: &OwnedRecord) -> Result<Value, String> {
    let parsed = ImageRecord::parse(&record.payload).map_err(|error| error.to_string())?;
    // An image that cannot be recognised is shown as such: this command is how one finds it.
    let found = probe(parsed.image).ok();
    Ok(json!({
        "offset": record.offset,
        "id": parsed.id,
        "flag": parsed.flag,
        "label": parsed.label,
        "bytes": parsed.image.len(),
        "sha256": sha256(parsed.image),
        "format": found.map(|found| found.format.name()),
        "width": found.map(|found| found.width),
        "height": found.map(|found| found.height),
    }))
}

/// What a person wants to know of thousands of records.
#[derive(Default)]
struct Summary {
    records: usize,
    bytes: u64,
    labels: BTreeMap<String, usize>,
    forms: BTreeMap<String, usize>,
}

impl Summary {
    fn take(&mut self, line: &Value, out: &mut dyn Write) -> std::io::Result<()> {
        self.records += 1;
        self.bytes += line["bytes"].as_u64().unwrap_or(0);
        let form = match (line["format"].as_str(), line.get("label")) {
            (Some(format), _) => format!("{format} {}x{}", line["width"], line["height"]),
            (None, Some(_)) => "not an image".to_owned(),
            (None, None) => "bytes".to_owned(),
        };
        if let Some(label) = line.get("label") {
            *self.labels.entry(label.to_string()).or_default() += 1;
        }
        if self.records <= SHOWN {
            let label = line.get("label").map(|label| format!("label {label}, id {}, ", line["id"]));
            let (offset, bytes) = (&line["offset"], &line["bytes"]);
            writeln!(out, "at byte {offset}: {}{form}, {bytes} bytes", label.unwrap_or_default())?;
        }
        *self.forms.entry(form).or_default() += 1;
        Ok(())
    }

    fn conclude(&self, path: &Path, out: &mut dyn Write) -> std::io::Result<()> {
        if self.records > SHOWN {
            writeln!(out, "... and {} more", self.records - SHOWN)?;
        }
        writeln!(out, "{}: {} records, {} bytes of content", path.display(), self.records, self.bytes)?;
        for (title, counts) in [("content", &self.forms), ("label", &self.labels)] {
            for (what, count) in counts.iter().take(SHOWN * 2) {
                writeln!(out, "  {title} {what}: {count}")?;
            }
            if counts.len() > SHOWN * 2 {
                writeln!(out, "  ... {} kinds of {title} in all", counts.len())?;
            }
        }
        Ok(())
    }
}
