//! `serve` as operators see it: switches, logs, several models, stopping under load.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::endpoint::Server;
use crate::harness::{brazier, digits, image, trained};

#[test]
fn the_log_is_json_where_asked_and_has_a_line_for_each_request() {
    let tree = trained();
    let mut server = Server::start(&tree.path("model"), &[("BRAZIER_LOG", "json")]);
    assert_eq!(server.classify(&image(1, 1)).0, 200);
    assert_eq!(server.classify(b"no image").0, 400);
    server.terminate();
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["event"] == "request").collect();
    assert_eq!(requests.len(), 2, "{log}");
    assert_eq!((&requests[0]["status"], &requests[0]["path"]), (&json!(200), &json!("/invocations")));
    assert!(requests[0]["predict_ms"].as_f64().unwrap() > 0.0, "{log}");
    assert_eq!(requests[1]["code"], "INVALID_IMAGE");
    assert_ne!(requests[0]["request_id"], requests[1]["request_id"]);
    assert!(lines.iter().all(|line| line["time"].as_str().unwrap().ends_with('Z')), "{log}");
}

#[test]
fn switches_of_the_environment_reach_the_server() {
    let tree = trained();
    let server = Server::start(&tree.path("model"), &[("BRAZIER_PAGE", "off"), ("BRAZIER_MAX_WAITING", "4")]);
    assert_eq!(server.ask("GET", "/", &[], &[]).0, 404);
    let (status, told) = server.ask("GET", "/execution-parameters", &[], &[]);
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["MaxConcurrentTransforms"], 4);

    let refused =
        brazier().args(["serve", "--port", "0"]).env("BRAZIER_MAX_WAITING", "many").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("BRAZIER_MAX_WAITING is 'many'"), "{told}");
}

#[test]
fn a_model_is_served_in_bfloat16_where_asked() {
    let tree = trained();
    let probabilities = |format: &str| -> Vec<f64> {
        let server = Server::start(&tree.path("model"), &[("BRAZIER_COMPUTE_DTYPE", format)]);
        let (status, body) = server.classify(&image(1, 1));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let (single, rounded) = (probabilities("float32"), probabilities("bfloat16"));
    assert_ne!(single, rounded);
    let apart = single.iter().zip(&rounded).map(|(single, rounded)| (single - rounded).abs());
    assert!(apart.fold(0.0, f64::max) < 0.05, "{single:?} {rounded:?}");

    let refused =
        brazier().args(["serve", "--port", "0"]).env("BRAZIER_COMPUTE_DTYPE", "half").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("BRAZIER_COMPUTE_DTYPE is 'half'") && told.contains("bfloat16"), "{told}");
}

#[test]
fn a_multi_model_endpoint_loads_what_it_is_told_to() {
    let tree = trained();
    let nowhere = tree.path("nowhere");
    let server = Server::start(&nowhere, &[("SAGEMAKER_MULTI_MODEL", "true")]);
    let load = json!({"model_name": "a", "url": tree.path("model")}).to_string();
    assert_eq!(server.ask("POST", "/models", &[], load.as_bytes()).0, 200);
    let (status, body) = server.ask("POST", "/models/a/invoke", &[], &image(0, 3));
    assert_eq!(status, 200, "{body}");
    assert_eq!(server.ask("DELETE", "/models/a", &[], &[]).0, 200);
    assert_eq!(server.ask("POST", "/models/a/invoke", &[], &image(0, 3)).0, 404);
}

#[test]
fn unloaded_models_give_their_memory_back() {
    let folder = tempfile::tempdir().unwrap();
    let model = digits(folder.path(), "18", "1,28,28", "2");
    let weights = fs::metadata(model.join("image-classification-0001.params")).unwrap().len();
    let server = Server::start(&folder.path().join("nowhere"), &[("SAGEMAKER_MULTI_MODEL", "true")]);
    let resident = || -> u64 {
        let metrics = server.ask("GET", "/metrics", &[], &[]).1;
        let value =
            metrics.lines().find_map(|line| line.strip_prefix("brazier_resident_memory_bytes ")).unwrap();
        value.parse().unwrap()
    };
    let bare = resident();
    for name in ["a", "b", "c"] {
        let load = json!({"model_name": name, "url": model}).to_string();
        assert_eq!(server.ask("POST", "/models", &[], load.as_bytes()).0, 200);
        let invoked = server.ask("POST", &format!("/models/{name}/invoke"), &[], &image(0, 3));
        assert_eq!(invoked.0, 200, "{}", invoked.1);
    }
    let loaded = resident();
    assert!(
        loaded < bare + 3 * weights * 3 / 2 + (24 << 20),
        "{bare} bytes, {loaded} with three of {weights}"
    );
    for name in ["a", "b", "c"] {
        assert_eq!(server.ask("DELETE", &format!("/models/{name}"), &[], &[]).0, 200);
    }
    let unloaded = resident();
    assert!(unloaded < bare + weights, "{bare} bytes, {loaded} with three of {weights}, then {unloaded}");
}

#[test]
fn a_read_only_model_folder_with_strangers_is_served() {
    let tree = trained();
    let model = tree.path("model");
    std::fs::write(model.join("output.tar.gz"), "anything").unwrap();
    std::fs::create_dir(model.join("code")).unwrap();
    let before = std::fs::read_dir(&model).unwrap().count();
    assert!(Command::new("chmod").args(["-R", "a-w"]).arg(&model).status().unwrap().success());
    let server = Server::start(&model, &[]);
    assert_eq!(server.classify(&image(1, 1)).0, 200);
    drop(server);
    assert_eq!(std::fs::read_dir(&model).unwrap().count(), before);
    assert!(Command::new("chmod").args(["-R", "u+w"]).arg(&model).status().unwrap().success());
}

#[test]
fn sigterm_under_load_loses_no_accepted_request() {
    let tree = trained();
    let model = tree.path("model");
    for stop in 0..3 {
        let mut server = Server::start(&model, &[]);
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let address = server.address().to_owned();
                thread::spawn(move || ask_until_told(&address))
            })
            .collect();
        thread::sleep(Duration::from_millis(40 + 7 * stop));
        assert_eq!(server.terminate(), Some(0));
        for client in clients {
            assert!(client.join().unwrap() > 0);
        }
        assert!(TcpStream::connect(server.address()).is_err(), "the port is closed");
    }
}

/// Asks over new connections until an answer says that the next should go elsewhere.
fn ask_until_told(address: &str) -> usize {
    let mut answered = 0;
    loop {
        let told = Server::exchange(address, "POST", "/invocations", &[], &image(1, answered));
        assert!(told.starts_with("HTTP/1.1 200 "), "after {answered}: {told:?}");
        answered += 1;
        if told.to_ascii_lowercase().contains("connection: close") {
            return answered;
        }
    }
}

#[test]
fn a_second_server_on_the_port_is_refused_in_one_sentence() {
    let tree = trained();
    let server = Server::start(&tree.path("model"), &[]);
    let port = server.address().rsplit_once(':').unwrap().1;
    let told = brazier()
        .args(["serve", "--host", "127.0.0.1", "--port", port, "--model"])
        .arg(tree.path("model"))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_ne!(told.status.code(), Some(0));
    assert!(String::from_utf8(told.stderr).unwrap().contains("cannot listen on 127.0.0.1:"));
}

/// A log that is piped into a program that hangs must not hang the endpoint too.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let tree = trained();
    let (mut server, unread, _) = Server::listening(&tree.path("model"), &[("BRAZIER_LOG", "json")]);
    server.wait_until_ready();
    // A line repeats the path; together they are far more than a pipe holds (64 KiB, pipe(7)).
    let path = format!("/{}", "long".repeat(500));
    for _ in 0..100 {
        assert_eq!(server.ask("GET", &path, &[], &[]).0, 404);
    }
    assert_eq!(server.classify(&image(1, 1)).0, 200);
    assert_eq!(server.terminate(), Some(0));
    drop(unread);
}

#[test]
fn a_log_whose_reader_is_gone_costs_lines_alone() {
    let tree = trained();
    let (mut server, reader, _) = Server::listening(&tree.path("model"), &[("BRAZIER_LOG", "json")]);
    drop(reader);
    server.wait_until_ready();
    for number in 0..3 {
        assert_eq!(server.classify(&image(1, number)).0, 200);
    }
    let (_, metrics) = server.ask("GET", "/metrics", &[], &[]);
    let lost = metrics.lines().find_map(|line| line.strip_prefix("brazier_log_lines_lost ")).expect(&metrics);
    assert!(lost.parse::<u32>().unwrap() >= 2, "{lost}");
    assert_eq!(server.terminate(), Some(0));
}

/// A platform may say SIGTERM twice, and every request is answered all the same; who presses Ctrl-C twice wants out.
#[test]
fn a_second_interrupt_ends_at_once_and_a_second_sigterm_changes_nothing() {
    let tree = trained();
    let stuck = |server: &Server| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let body = image(1, 1);
        let head =
            format!("POST /invocations HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        // The server has to have read it.
        thread::sleep(Duration::from_millis(300));
        (stream, body)
    };
    let mut server = Server::start(&tree.path("model"), &[]);
    let (mut stream, body) = stuck(&server);
    for _ in 0..2 {
        server.signal("-TERM");
        thread::sleep(Duration::from_millis(700));
    }
    stream.write_all(&body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    assert_eq!(server.exit_code(), Some(0));

    let mut server = Server::start(&tree.path("model"), &[]);
    let _stuck = stuck(&server);
    let begun = Instant::now();
    for _ in 0..2 {
        server.signal("-INT");
        thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(server.exit_code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn the_platforms_port_is_taken_from_the_environment() {
    let tree = trained();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut process = brazier()
        .args(["serve", "--host", "127.0.0.1", "--model"])
        .arg(tree.path("model"))
        .env("SAGEMAKER_BIND_TO_PORT", free.to_string())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", free)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody listens on {free}");
    }
    process.kill().unwrap();
    process.wait().unwrap();
}
