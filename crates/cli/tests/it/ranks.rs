//! Processes that train one job together over loopback: what they agree on, and what becomes of them when one does not.

mod hosts;
mod threads;
mod together;

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{CLASSES, OptMl, Told, brazier, image, trained, write_folders};
use crate::incremental;

/// A port that nobody uses, below those that the system gives away, so that no other test is given it meanwhile.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + (std::process::id() % 100) as u16 * 100;
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What a job of `ranks` ranks has more than others: three images for each of two ranks, and short limits.
fn job(tree: &OptMl, others: &[(&str, &str)]) {
    fs::create_dir_all(tree.path("checkpoints")).unwrap();
    let common = [
        ("epochs", "8"),
        ("mini_batch_size", "3"),
        ("checkpoint_min_seconds", "0"),
        ("rendezvous_seconds", "20"),
        ("peer_silence_seconds", "2"),
    ];
    tree.hyperparameters(&[&common, others].concat());
}

/// The trees of as many ranks.
fn trees(ranks: usize, others: &[(&str, &str)]) -> Vec<OptMl> {
    let trees: Vec<OptMl> = (0..ranks).map(|_| OptMl::with_records()).collect();
    trees.iter().for_each(|tree| job(tree, others));
    trees
}

/// Starts a rank on each tree.
fn start(trees: &[OptMl]) -> Vec<Child> {
    let (port, world) = (free_port().to_string(), trees.len().to_string());
    let rank = |(rank, tree): (usize, &OptMl)| {
        let mut command: Command = brazier();
        command.args(["train", "--prefix"]).arg(tree.0.path());
        command.envs([("WORLD_SIZE", world.as_str()), ("RANK", &rank.to_string())]);
        command.envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    trees.iter().enumerate().map(rank).collect()
}

fn ended(children: Vec<Child>) -> Vec<Told> {
    children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

/// Trains a rank on each tree, to the end.
pub fn train(trees: &[OptMl]) -> Vec<Told> {
    let told = ended(start(trees));
    told.iter().for_each(|told| assert_eq!(told.code, 0, "{}{}", told.out, told.err));
    told
}

fn weights(tree: &OptMl) -> Vec<u8> {
    fs::read(tree.path("model").join(tree.weights())).unwrap()
}

/// The value behind `key` in the last line that has it.
fn last(told: &Told, key: &str) -> String {
    let found = told.out.lines().rev().find_map(|line| Some(line.split_once(key)?.1.to_owned()));
    found.unwrap_or_else(|| panic!("no {key} in {}", told.out))
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Waits until the job on `tree` has saved its state, or has ended.
fn wait_for_checkpoint(tree: &OptMl, child: &mut Child) {
    let is_there = || {
        let entries = fs::read_dir(tree.path("checkpoints")).unwrap();
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "checkpoint"))
    };
    while !is_there() && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn ranks_agree_on_every_figure_and_the_first_keeps_the_model() {
    for (world, other) in
        [(2, ("top_k", "2")), (4, ("kv_store", "dist_sync")), (2, ("gradient_format", "float16"))]
    {
        let trees = trees(world, &[other]);
        let told = train(&trees);
        for key in ["Train-accuracy=", "Train-loss=", "Validation-accuracy=", "Validation-loss="] {
            let figures: Vec<String> = told.iter().map(|told| last(told, key)).collect();
            assert!(figures.iter().all(|figure| *figure == figures[0]), "{key} {figures:?}");
        }
        assert!(told[0].out.contains("kv_store: dist_sync"), "{}", told[0].out);
        let shares = last(&told[0], "Time: compute ");
        assert!(shares.contains("communication") && shares.contains("the bottleneck is"), "{shares}");
        assert!(trees[0].model_files().iter().any(|name| name.ends_with(".params")));
        trees[1..].iter().for_each(|tree| assert_eq!(tree.model_files(), Vec::<String>::new()));
        let report = fs::read_to_string(trees[0].path("output/data/report.json")).unwrap();
        assert!(report.contains("\"images\":9"), "{report}");
    }
}

#[test]
fn the_same_ranks_end_with_the_same_weights_and_a_killed_job_does_too() {
    let whole = trees(2, &[]);
    train(&whole);
    let expected = weights(&whole[0]);
    let again = trees(2, &[]);
    train(&again);
    assert!(weights(&again[0]) == expected);

    let cut = trees(2, &[]);
    let mut children = start(&cut);
    wait_for_checkpoint(&cut[0], &mut children[0]);
    children.iter_mut().for_each(|child| _ = child.kill());
    ended(children);
    let told = train(&cut);
    for told in &told {
        assert!(told.out.contains("Resuming from checkpoint"), "{}", told.out);
    }
    assert!(weights(&cut[0]) == expected, "{}", told[0].out);
}

#[test]
fn other_ranks_take_a_checkpoint_on_with_its_steps() {
    let stopped = trees(2, &[]);
    let mut children = start(&stopped);
    wait_for_checkpoint(&stopped[0], &mut children[0]);
    signal(&children[1], "-TERM");
    for told in ended(children) {
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        assert!(told.out.contains("Stopped by a signal"), "{}", told.out);
    }
    // Three ranks: two images each.
    let three = trees(3, &[]);
    fs::remove_dir_all(three[0].path("checkpoints")).unwrap();
    fs::rename(stopped[0].path("checkpoints"), three[0].path("checkpoints")).unwrap();
    let told = train(&three);
    let kept = "the checkpoint is of 2 rank(s), this run has 3: its steps of 6 images stay, instead of 9";
    told.iter().for_each(|told| assert!(told.out.contains(kept), "{}", told.out));
    // Eight epochs of four steps, however many ranks.
    let checkpoint = "brazier-000000000032.checkpoint";
    assert!(three[0].path("checkpoints").join(checkpoint).is_file(), "{}", told[0].out);
    // The same ranks go on from their own checkpoint, whose steps are still those of two.
    fs::remove_file(three[0].path("checkpoints").join(checkpoint)).unwrap();
    let told = train(&three);
    assert!(told[2].out.contains("Resuming from checkpoint"), "{}", told[2].out);
    assert!(three[0].path("checkpoints").join(checkpoint).is_file(), "{}", told[0].out);
}

/// With frozen statistics nothing of a step depends on how it is divided, so that any ranks end with the same weights.
#[test]
fn other_ranks_end_with_the_same_weights_within_rounding() {
    let model = trained();
    let containers = |ranks: usize| -> Vec<OptMl> {
        let tree = |_| {
            let tree = incremental::going_on(
                &model.path("model"),
                &[
                    ("freeze", "body"),
                    ("epochs", "12"),
                    ("learning_rate", "0.05"),
                    ("mini_batch_size", "3"),
                    ("checkpoint_min_seconds", "0"),
                    ("peer_silence_seconds", "2"),
                ],
            );
            fs::create_dir_all(tree.path("checkpoints")).unwrap();
            tree
        };
        (0..ranks).map(tree).collect()
    };
    let whole = containers(2);
    train(&whole);
    let stopped = containers(2);
    let mut children = start(&stopped);
    wait_for_checkpoint(&stopped[0], &mut children[0]);
    signal(&children[0], "-TERM");
    for told in ended(children) {
        assert!(told.code == 0 && told.out.contains("Stopped by a signal"), "{}{}", told.out, told.err);
    }
    for ranks in [1, 3, 4] {
        let others = containers(ranks);
        for entry in fs::read_dir(stopped[0].path("checkpoints")).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, others[0].path("checkpoints").join(file.file_name().unwrap())).unwrap();
        }
        let told = train(&others);
        assert!(told[0].out.contains("its steps of 6 images stay"), "{ranks}: {}", told[0].out);
        let expected = incremental::learned(&whole[0]);
        let (mut furthest, mut moved) = (0.0_f32, 0.0_f32);
        let first = incremental::learned(&model);
        for (name, found) in incremental::learned(&others[0]) {
            let [found, expected, first] =
                [&found, &expected[&name], &first[&name]].map(|array| array.to_f32().unwrap());
            for ((found, expected), first) in found.iter().zip(expected.iter()).zip(first.iter()) {
                furthest = furthest.max((found - expected).abs());
                moved = moved.max((expected - first).abs());
            }
        }
        assert!(furthest < 1e-5 && moved > 1e-2, "{ranks} ranks: {furthest} apart, moved by {moved}");
    }
}

#[test]
fn a_rank_that_dies_or_hangs_is_named_by_the_others_and_the_job_goes_on_later() {
    let whole = trees(3, &[]);
    train(&whole);
    let expected = weights(&whole[0]);
    for (victim, how) in [(1, "-KILL"), (0, "-KILL"), (2, "-STOP"), (0, "-STOP")] {
        let trees = trees(3, &[]);
        let mut children = start(&trees);
        wait_for_checkpoint(&trees[0], &mut children[0]);
        signal(&children[victim], how);
        let clock = Instant::now();
        let mut gone = children.remove(victim);
        let told = ended(children);
        assert!(clock.elapsed() < Duration::from_secs(10), "{how} {victim}: {:?}", clock.elapsed());
        gone.kill().unwrap();
        gone.wait().unwrap();
        for (told, tree) in told.iter().zip(trees.iter().enumerate().filter(|(rank, _)| *rank != victim)) {
            assert_eq!(told.code, 4, "{how} {victim}: {}{}", told.out, told.err);
            let failure = tree.1.failure().unwrap();
            let named = format!("InternalServerError: rank {victim} is gone");
            assert!(failure.starts_with(&named), "{how} {victim}: {failure}");
        }
        let told = train(&trees);
        assert!(weights(&trees[0]) == expected, "{how} {victim}: {}", told[0].out);
    }
}

#[test]
fn an_error_of_one_rank_is_told_by_all() {
    let trees = trees(2, &[]);
    // The image is damaged in the data of rank 1 alone, behind those that are looked at first.
    for tree in &trees {
        fs::remove_file(tree.channel("train").join("data.rec")).unwrap();
        write_folders(&tree.channel("train"), 40);
    }
    let file = trees[1].channel("train").join(CLASSES[2]).join("9.png");
    let whole = image(2, 9);
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let told = ended(start(&trees));
    for (rank, (told, tree)) in told.iter().zip(&trees).enumerate() {
        assert_eq!(told.code, 2, "{rank}: {}{}", told.out, told.err);
        let failure = tree.failure().unwrap();
        assert!(failure.contains("9.png"), "{rank}: {failure}");
        assert_eq!(failure.contains("rank 1 stopped: ClientError: "), rank == 0, "{rank}: {failure}");
    }
}

#[test]
fn ranks_that_do_not_fit_are_refused_with_both_values() {
    let different = trees(2, &[]);
    job(&different[1], &[("learning_rate", "0.07")]);
    for told in ended(start(&different)) {
        assert_eq!(told.code, 2, "{}{}", told.out, told.err);
        let differ = "has `learning_rate=0.07`, rank 0 has `learning_rate=0.05`";
        assert!(told.out.contains(differ), "{}", told.out);
    }
    let more = trees(2, &[]);
    crate::harness::write_records(&more[1].channel("train").join("more.rec"), 1);
    for (rank, told) in ended(start(&more)).iter().enumerate() {
        assert_eq!(told.code, 2, "{rank}: {}{}", told.out, told.err);
        assert!(told.out.contains("holds 24 images on rank 0 and 27 on rank 1"), "{rank}: {}", told.out);
    }
    let alone = OptMl::with_records();
    job(&alone, &[("rendezvous_seconds", "1")]);
    let mut command = brazier();
    command.args(["train", "--prefix"]).arg(alone.0.path());
    command.envs([("WORLD_SIZE", "3"), ("RANK", "0"), ("MASTER_ADDR", "127.0.0.1")]);
    let told: Told = command.env("MASTER_PORT", free_port().to_string()).output().unwrap().into();
    assert_eq!(told.code, 4, "{}{}", told.out, told.err);
    let failure = alone.failure().unwrap();
    assert!(failure.contains("rank 1, rank 2 did not come within 1 s"), "{failure}");
}

/// Each host holds another half of the images; together they train on all of them.
#[test]
fn hosts_with_shards_of_their_own_train_on_the_whole() {
    let trees = trees(2, &[]);
    for (tree, range) in trees.iter().zip([0..12, 12..24]) {
        let mut writer = brazier_mxnet::recordio::Writer::new(Vec::new());
        for number in range {
            let record = brazier_mxnet::image_record::ImageRecord::single(
                (number % 3) as f32,
                number as u64,
                &image(number % 3, number / 3),
            )
            .encode();
            writer.write(&record).unwrap();
        }
        fs::write(tree.channel("train").join("data.rec"), writer.into_inner()).unwrap();
        let file = tree.path("input/config/inputdataconfig.json");
        let text = fs::read_to_string(&file).unwrap();
        let (train, rest) = text.split_once("\"validation\"").unwrap();
        let train = train.replace("FullyReplicated", "ShardedByS3Key");
        fs::write(&file, format!("{train}\"validation\"{rest}")).unwrap();
    }
    let told = train(&trees);
    for told in &told {
        assert!(told.out.contains("train images per class: 0 8, 1 8, 2 8"), "{}", told.out);
        assert!(!told.out.contains("num_training_samples is 24, but"), "{}", told.out);
    }
    assert_eq!(last(&told[0], "Train-loss="), last(&told[1], "Train-loss="));
}

/// A person's run: the first process alone fills the folder.
#[test]
fn a_launcher_starts_a_person_s_run_on_several_processes() {
    let data = tempfile::tempdir().unwrap();
    write_folders(data.path(), 8);
    let (port, output) = (free_port().to_string(), data.path().join("out"));
    let dataset = tempfile::tempdir().unwrap();
    write_folders(dataset.path(), 8);
    let children = (0..2)
        .map(|rank: usize| {
            let mut command = brazier();
            command.arg("train").arg(dataset.path()).arg("--output").arg(&output);
            command.args(["--epochs", "2", "--mini-batch-size", "6"]);
            command.envs([("WORLD_SIZE", "2"), ("RANK", &rank.to_string())]);
            command.envs([("MASTER_ADDR", "localhost"), ("MASTER_PORT", &port)]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let told = ended(children);
    told.iter().for_each(|told| assert_eq!(told.code, 0, "{}{}", told.out, told.err));
    assert!(told[0].out.contains("Packed:") && !told[1].out.contains("Packed:"), "{}", told[1].out);
    assert!(output.join("model.tar.gz").is_file());
}
