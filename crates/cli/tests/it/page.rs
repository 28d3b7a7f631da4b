//! The page at `/`, in a browser as on a desk and as on a phone.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

use crate::browser::{Browser, installed};
use crate::endpoint::{Server, probabilities};
use crate::harness::{CLASSES, image, trained};

/// Where the screenshots stay.
fn screenshot(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A browser on the page of a small model, where one is installed.
fn opened(screen: [u32; 2], phone: bool) -> Option<(Server, Browser)> {
    let Some(program) = installed() else {
        println!("skipped: no Chromium is installed (Debian's package is chromium)");
        return None;
    };
    let server = Server::start(&trained().path("model"), &[]);
    let mut browser = Browser::start(program, screen, phone);
    browser.open(&server.url("/"));
    Some((server, browser))
}

/// Waits for an answer; class names and percentages, likeliest first.
fn answer(browser: &mut Browser) -> Vec<(String, f64)> {
    browser.wait_for("document.querySelectorAll('#answer li').length > 0");
    let told = browser.evaluate(
        "[...document.querySelectorAll('#answer li')].map(row => [...row.querySelectorAll('span')].map(s => s.textContent))",
    );
    let rows: Vec<[String; 2]> = serde_json::from_value(told).unwrap();
    let percent = |text: &str| text.trim_end_matches(" %").parse().unwrap();
    rows.into_iter().map(|[name, share]| (name, percent(&share))).collect()
}

/// The middle of the drawing area and half its width, in pixels of the page.
fn canvas(browser: &mut Browser) -> ([f64; 2], f64) {
    let told = browser.evaluate(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2, width / 2])(document.querySelector('canvas').getBoundingClientRect())",
    );
    let [x, y, half]: [f64; 3] = serde_json::from_value(told).unwrap();
    ([x, y], half)
}

/// A stroke from top to bottom through the middle.
fn stroke(browser: &mut Browser) -> Vec<[f64; 2]> {
    let ([x, y], half) = canvas(browser);
    (-6..=6).map(|step| [x, y + half * f64::from(step) / 8.0]).collect()
}

fn check(rows: &[(String, f64)]) {
    assert_eq!(rows.len(), CLASSES.len(), "{rows:?}");
    assert!(rows.is_sorted_by(|a, b| a.1 >= b.1), "{rows:?}");
    assert!(rows.iter().all(|(name, _)| CLASSES.contains(&name.as_str())), "{rows:?}");
    assert!((rows.iter().map(|row| row.1).sum::<f64>() - 100.0).abs() < 0.2, "{rows:?}");
}

#[test]
fn a_chosen_image_is_classified_and_so_is_a_drawing() {
    let Some((server, mut browser)) = opened([1000, 700], false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chosen.png");
    fs::write(&file, image(2, 5)).unwrap();
    browser.choose(&file);
    let rows = answer(&mut browser);
    check(&rows);
    let (status, body) = server.classify(&image(2, 5));
    assert_eq!(status, 200, "{body}");
    for (class, probability) in probabilities(&body).into_iter().enumerate() {
        let shown = rows.iter().find(|row| row.0 == CLASSES[class]).unwrap().1;
        assert!((shown - 100.0 * probability).abs() < 0.051, "{rows:?} {body}");
    }
    let widest = browser.evaluate("document.querySelector('#answer .bar div').getBoundingClientRect().width");
    assert!(widest.as_f64().unwrap() > 10.0, "{widest}");
    browser.photograph(&screenshot("page-desk-image.png"));

    browser.evaluate("document.getElementById('clear').click()");
    assert_eq!(browser.evaluate("document.querySelectorAll('#answer li').length"), 0);
    let points = stroke(&mut browser);
    browser.draw(&points);
    check(&answer(&mut browser));
    browser.photograph(&screenshot("page-desk-drawing.png"));
}

#[test]
fn a_phone_draws_with_a_finger_and_needs_no_sideways_scrolling() {
    let Some((_server, mut browser)) = opened([390, 844], true) else { return };
    let points = stroke(&mut browser);
    browser.touch(&points);
    check(&answer(&mut browser));
    assert_eq!(browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), Value::Bool(true));
    let told = browser.evaluate("document.getElementById('told').textContent");
    assert!(told.as_str().unwrap().ends_with(" ms"), "{told}");
    browser.photograph(&screenshot("page-phone.png"));
}

#[test]
fn what_is_no_image_is_told_on_the_page() {
    let Some((_server, mut browser)) = opened([390, 844], true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.png");
    fs::write(&file, "no image").unwrap();
    browser.choose(&file);
    browser.wait_for("document.getElementById('told').className === 'wrong'");
    let told = browser.evaluate("document.getElementById('told').textContent");
    assert!(!told.as_str().unwrap().is_empty());
}
