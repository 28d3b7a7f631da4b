//! Bodies of RecordIO: what batch transform sends when it splits `.rec` files.
//!
//! With one record a request it takes the frame off; with several it sends them in their frames (SageMaker's guide,
//! `SplitType=RecordIO`). A record may be an image with MXNet's header before it, as im2rec writes it, or an image alone.

use std::sync::Arc;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{MAGIC, Reader};
use tokio::task::JoinSet;

use crate::body::Received;
use crate::service::Service;
use crate::{Engine, RequestError, Signature};

/// The images of a body, in order.
///
/// # Errors
/// Frames that are damaged, or a record too short for a header.
pub(crate) fn images(body: Received) -> Result<Vec<Received>, RequestError> {
    if !body.bytes.starts_with(&MAGIC.to_le_bytes()) {
        return Ok(vec![image(body, 0)?]);
    }
    let mut reader = Reader::with_limit(&body.bytes[..], body.bytes.len() as u64);
    let mut images = Vec::new();
    while let Some(record) = reader.next_record().map_err(|error| RequestError::Body(error.to_string()))? {
        images.push(image(Received::of(record.payload), images.len())?);
    }
    Ok(images)
}

/// The image of record `number`.
fn image(mut record: Received, number: usize) -> Result<Received, RequestError> {
    if brazier_image::probe(&record.bytes).is_err() {
        let refused = |reason: String| RequestError::Record { number, reason };
        let found = ImageRecord::parse(&record.bytes).map_err(|error| refused(error.to_string()))?;
        record.bytes = found.image.to_vec();
    }
    Ok(record)
}

/// The probabilities for each of `images`, in order; they wait, and are computed, together.
///
/// # Errors
/// The first record without an answer.
pub(crate) async fn predict(
    service: &Arc<Service>,
    engine: &Arc<Engine>,
    signature: &Arc<Signature>,
    images: Vec<Received>,
) -> Result<Vec<Vec<f32>>, RequestError> {
    let mut answers = vec![Vec::new(); images.len()];
    // Dropping the set, because the client left or a record has no answer, takes the others out of the queue.
    let mut tasks = JoinSet::new();
    for (number, image) in images.into_iter().enumerate() {
        let (service, engine, signature) = (Arc::clone(service), Arc::clone(engine), Arc::clone(signature));
        tasks.spawn(async move {
            let decoded = service.decoders.decode(image, signature).await;
            let pixels = decoded.map_err(|error| named(number, error))?.pixels;
            let prediction = engine.predict(pixels).await?;
            Ok::<_, RequestError>((number, prediction.probabilities))
        });
    }
    while let Some(answer) = tasks.join_next().await {
        let (number, answer) = answer.map_err(|error| RequestError::Defect(error.to_string()))??;
        answers[number] = answer;
    }
    Ok(answers)
}

/// A client's fault with the record's number; ours stays as it is.
fn named(number: usize, error: RequestError) -> RequestError {
    match error {
        RequestError::Image(error) => RequestError::Record { number, reason: error.to_string() },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use brazier_image::{Pixels, encode};
    use brazier_mxnet::recordio::Writer;

    use super::*;

    fn png(side: u32) -> Vec<u8> {
        let pixels = vec![7; (side * side) as usize];
        encode::png(&Pixels::new(side, side, 1, pixels).unwrap()).unwrap()
    }

    fn found(body: Vec<u8>) -> Result<Vec<Vec<u8>>, RequestError> {
        let images = images(Received::of(body))?;
        Ok(images.into_iter().map(|image| image.bytes).collect())
    }

    #[test]
    fn records_are_found_with_and_without_frames_and_headers() {
        let with_header = |side| ImageRecord::single(3.0, 7, &png(side)).encode();
        assert_eq!(found(png(4)).unwrap(), [png(4)]);
        assert_eq!(found(with_header(4)).unwrap(), [png(4)]);
        let mut writer = Writer::new(Vec::new());
        writer.write(&with_header(4)).unwrap();
        writer.write(&png(5)).unwrap();
        let run = writer.into_inner();
        assert_eq!(found(run.clone()).unwrap(), [png(4), png(5)]);
        assert!(matches!(found(run[..run.len() - 8].to_vec()), Err(RequestError::Body(_))));
        assert!(matches!(found(vec![1; 9]), Err(RequestError::Record { number: 0, .. })));
    }
}
