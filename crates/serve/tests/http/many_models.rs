//! The multi-model API.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Connection, Response};
use crate::fixture::{Server, assert_near, expected, load, model, png, quick};

/// Bytes of the weights of [`model`].
fn weight() -> u64 {
    load(model().path()).unwrap().signature().bytes()
}

fn load_model(server: &Server, name: &str, url: &Path) -> Response {
    let body = json!({"model_name": name, "url": url, "unknown": 1}).to_string();
    server.ask("POST", "/models", body.as_bytes())
}

fn invoke(server: &Server, name: &str) -> Response {
    server.ask("POST", &format!("/models/{name}/invoke"), &png(1))
}

fn in_memory(server: &Server, count: usize) {
    server.wait_for_metric(&format!("brazier_models {count}"));
}

#[test]
fn models_are_loaded_listed_asked_and_unloaded() {
    let server = Server::of_many(quick(), u64::MAX);
    assert_eq!(server.ping().status, 200, "healthy without a model");
    assert_eq!(invoke(&server, "one").code(), "MODEL_NOT_LOADED");
    let folder = model();
    assert_eq!(load_model(&server, "one", folder.path()).status, 200);
    let again = load_model(&server, "one", folder.path());
    assert_eq!((again.status, again.code().as_str()), (409, "MODEL_ALREADY_LOADED"));
    assert_eq!(load_model(&server, "two/x y", folder.path()).status, 200);

    let entry = |name: &str| json!({"modelName": name, "modelUrl": folder.path()});
    let listed = server.ask("GET", "/models", b"").json();
    assert_eq!(listed, json!({"models": [entry("one"), entry("two/x y")]}));
    assert_eq!(server.ask("GET", "/models/one", b"").json(), entry("one"));
    assert_eq!(server.ask("GET", "/models/two%2Fx%20y", b"").json(), entry("two/x y"));

    let wanted = expected(&load(folder.path()).unwrap(), 1);
    let answer = invoke(&server, "one");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_near(&answer.json(), &wanted);
    let target = [("X-Amzn-SageMaker-Target-Model", "one")];
    assert_near(&server.invoke(&target, &png(1)).json(), &wanted);
    assert_eq!(server.invoke(&[], &png(1)).status, 404, "no model is named");

    assert_eq!(server.ask("DELETE", "/models/one", b"").status, 200);
    for (method, path) in [("DELETE", "/models/one"), ("GET", "/models/one"), ("POST", "/models/one/invoke")]
    {
        let gone = server.ask(method, path, &png(1));
        assert_eq!((gone.status, gone.code().as_str()), (404, "MODEL_NOT_LOADED"), "{method} {path}");
    }
    in_memory(&server, 1);
    assert!(server.outcome().is_ok());
}

#[test]
fn what_cannot_be_loaded_is_told_and_leaves_nothing() {
    let server = Server::of_many(quick(), u64::MAX);
    let empty = tempfile::tempdir().unwrap();
    let refused = load_model(&server, "bad", empty.path());
    assert_eq!((refused.status, refused.code().as_str()), (500, "MODEL_FAILED"));
    assert!(refused.body.contains(empty.path().to_str().unwrap()), "{refused:?}");
    assert!(refused.body.contains("symbol.json"), "what is missing there: {refused:?}");
    // A device is never opened: a pipe without a writer would keep all other models waiting.
    let refused = load_model(&server, "bad", Path::new("/dev/null"));
    assert_eq!((refused.status, refused.code().as_str()), (500, "MODEL_FAILED"));
    assert!(refused.body.contains("neither a file nor a folder"), "{refused:?}");
    let nowhere = load_model(&server, "bad", &empty.path().join("nowhere"));
    assert!(nowhere.body.contains("nowhere"), "{nowhere:?}");
    assert_eq!(load_model(&server, "", model().path()).code(), "INVALID_LOAD_REQUEST");
    for path in ["/models/%ff", "/models?next_page_token=a&next_page_token=b"] {
        let refused = server.ask("GET", path, b"");
        assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_ADDRESS"), "{path}");
    }
    for body in ["", "{", "[]", "{\"model_name\": \"x\"}", "{\"model_name\": 1, \"url\": \"/\"}"] {
        let refused = server.ask("POST", "/models", body.as_bytes());
        assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_LOAD_REQUEST"), "{body}");
    }
    assert_eq!(server.ask("POST", "/models", &vec![b' '; 100_000]).status, 413);
    assert_eq!(server.ask("GET", "/models", b"").json(), json!({"models": []}));
    assert_eq!(load_model(&server, "bad", model().path()).status, 200);
}

#[test]
fn the_least_used_model_gives_its_memory_and_comes_back_when_asked() {
    let server = Server::of_many(quick(), 2 * weight() + weight() / 2);
    let folders = [model(), model(), model()];
    for (name, folder) in ["a", "b", "c"].iter().zip(&folders) {
        assert_eq!(load_model(&server, name, folder.path()).status, 200);
        // `a` is in use all along, so it is `b` that gives way to `c`.
        assert_eq!(invoke(&server, "a").status, 200);
    }
    in_memory(&server, 2);
    let listed = server.ask("GET", "/models", b"").json();
    assert_eq!(
        listed["models"].as_array().map(Vec::len),
        Some(3),
        "all are loaded as far as the platform knows"
    );
    for name in ["b", "a", "c", "b", "c"] {
        assert_eq!(invoke(&server, name).status, 200, "{name}");
        in_memory(&server, 2);
    }
    // `a` was asked for the longest ago: its folder is read again, and no more is there.
    drop(folders);
    let gone = invoke(&server, "a");
    assert_eq!((gone.status, gone.code().as_str()), (500, "MODEL_FAILED"));
}

#[test]
fn a_model_in_use_is_not_taken_and_one_too_large_is_refused() {
    let server = Server::of_many(quick(), weight() + weight() / 2);
    let folder = model();
    assert_eq!(load_model(&server, "a", folder.path()).status, 200);
    let gate = server.turn.take();
    let mut asked = Connection::open(server.address);
    asked.send(crate::client::head("POST", "/models/a/invoke", &[], png(1).len()).as_bytes());
    asked.send(&png(1));
    server.wait_for_metric("brazier_waiting 1");
    let refused = load_model(&server, "b", folder.path());
    assert_eq!((refused.status, refused.code().as_str()), (507, "MODEL_MEMORY"));
    drop(gate);
    assert_eq!(asked.response(false).status, 200);
    drop(asked);
    server.wait_for_metric("brazier_waiting 0");
    assert_eq!(load_model(&server, "b", folder.path()).status, 200);
    in_memory(&server, 1);

    let small = Server::of_many(quick(), weight() / 2);
    assert_eq!(load_model(&small, "a", folder.path()).status, 507);
}

#[test]
fn many_models_are_listed_in_pages() {
    let server = Server::of_many(quick(), weight() * 2);
    let folder = model();
    for number in 0..103 {
        assert_eq!(load_model(&server, &format!("m{number:03}"), folder.path()).status, 200);
    }
    let names = |page: &Value| -> Vec<String> {
        let models = page["models"].as_array().unwrap().iter();
        models.map(|model| model["modelName"].as_str().unwrap().to_owned()).collect()
    };
    let first = server.ask("GET", "/models", b"").json();
    assert_eq!(names(&first).len(), 100);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = server.ask("GET", &format!("/models?next_page_token={token}"), b"").json();
    assert_eq!(names(&second), ["m100", "m101", "m102"]);
    assert!(second.get("nextPageToken").is_none());
}

#[test]
fn loading_unloading_and_asking_at_once_ends_well() {
    let server = Server::of_many(quick(), weight() * 2 + weight() / 2);
    let folder = model();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let (server, folder) = (&server, &folder);
            scope.spawn(move || {
                for _ in 0..6 {
                    let loaded = load_model(server, name, folder.path());
                    assert!([200, 507].contains(&loaded.status), "{loaded:?}");
                    for _ in 0..4 {
                        let answer = invoke(server, name);
                        let wanted = if loaded.status == 200 { 200 } else { 404 };
                        assert_eq!(answer.status, wanted, "{answer:?}");
                    }
                    let gone = server.ask("DELETE", &format!("/models/{name}"), b"");
                    assert_eq!(gone.status, if loaded.status == 200 { 200 } else { 404 }, "{gone:?}");
                }
            });
        }
    });
    in_memory(&server, 0);
    assert!(server.outcome().is_ok());
}

/// A server with room for one model in memory, which has been told of `a` and `b`, and the folder that both come from.
fn two_in_one_place() -> (Server, TempDir) {
    let server = Server::of_many(quick(), weight() + weight() / 2);
    let folder = model();
    for name in ["a", "b"] {
        assert_eq!(load_model(&server, name, folder.path()).status, 200);
    }
    (server, folder)
}

#[test]
fn models_that_share_one_place_take_turns() {
    let (server, _folder) = two_in_one_place();
    std::thread::scope(|scope| {
        for name in ["a", "a", "a", "b"] {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..12 {
                    assert_eq!(invoke(server, name).status, 200, "{name}");
                }
            });
        }
    });
    in_memory(&server, 1);
    assert!(server.outcome().is_ok());
}

#[test]
fn a_model_that_nobody_waits_for_any_more_is_read_once() {
    let (server, _folder) = two_in_one_place();
    // `b` is at work, so waking `a` takes until the gate opens; all who ask for it leave before.
    let gate = server.turn.take();
    let ask = |name: &str| {
        let mut asked = Connection::open(server.address);
        let path = format!("/models/{name}/invoke");
        asked.send(&[crate::client::head("POST", &path, &[], png(1).len()).as_bytes(), &png(1)].concat());
        asked
    };
    let mut busy = ask("b");
    server.wait_for_metric("brazier_waiting 1");
    let left: Vec<_> = (0..8).map(|_| ask("a")).collect();
    server.wait_for_metric("brazier_waiting 9");
    drop(left);
    server.wait_for_metric("brazier_clients_left_total 8");
    drop(gate);
    assert_eq!(busy.response(false).status, 200);
    drop(busy);
    // It was read all the same, and is known.
    in_memory(&server, 1);
    assert_eq!(invoke(&server, "a").status, 200);
    in_memory(&server, 1);
    assert!(server.outcome().is_ok());
}
