//! Snapshots that are swapped while threads hold them: each request sees one whole snapshot, nobody goes back to an
//! older one, and an old one is there until its last holder is gone, and no longer.

use std::sync::{Arc, Weak};

use crate::core::Core;
use crate::snapshot::{Held, Snapshot};
use crate::testing::{many_orders, plan, route};
use serde_json::json;
use shuttle::thread;

/// Publishes a plan whose parts all name the generation that it is meant to become.
fn publish(core: &Core, generation: u64) {
    let name = format!("g{generation}");
    let routes = json!([route(&name, "/a", json!({}))]);
    let plan = plan(json!({ "service": name, "via": name, "routes": routes }));
    let plan = serde_json::from_str(&plan).expect("a plan");
    let (published, _) = core.publish(plan).expect("it compiles");
    assert_eq!(published, generation);
}

/// What one request sees: every part is of one generation.
fn check(snapshot: &Snapshot) -> u64 {
    let name = format!("g{}", snapshot.generation);
    assert_eq!(*snapshot.settings.service, *name);
    assert_eq!(snapshot.settings.via.as_deref(), Some(&*name));
    assert_eq!(snapshot.route(0).map(|route| &*route.id), Some(&*name));
    snapshot.generation
}

/// An engine that serves some requests, each on the snapshot that it began with.
fn serve(core: &Core, requests: usize) {
    let (mut held, mut last): (Option<Held>, u64) = (None, 0);
    for _ in 0..requests {
        let published = core.generation();
        core.renew(&mut held);
        let request = held.clone().expect("one was published");
        let seen = check(&request);
        assert!(seen >= published, "{seen}, and {published} was in force");
        assert!(seen >= last, "{seen} after {last}");
        last = seen;
        thread::yield_now();
        core.renew(&mut held);
        assert_eq!(check(&request), seen, "a request stays on its snapshot");
    }
}

#[test]
fn a_request_sees_one_snapshot_and_time_goes_forward() {
    many_orders(|| {
        let core = Arc::new(Core::new(1));
        publish(&core, 1);
        let engines: Vec<_> = (0..2)
            .map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || serve(&core, 2))
            })
            .collect();
        publish(&core, 2);
        publish(&core, 3);
        let mut held = None;
        core.renew(&mut held);
        assert_eq!(held.as_deref().map(check), Some(3), "who looks after a publication sees it");
        for engine in engines {
            engine.join().expect("no panic");
        }
    });
}

#[test]
fn an_old_snapshot_lives_as_long_as_it_is_held() {
    many_orders(|| {
        let core = Arc::new(Core::new(1));
        publish(&core, 1);
        let old: Weak<Snapshot> = core.snapshot().as_ref().map(Arc::downgrade).expect("one was published");
        let (own, watched) = (Arc::clone(&core), old.clone());
        let engine = thread::spawn(move || {
            let mut held = None;
            own.renew(&mut held);
            let request = held.clone().expect("one was published");
            thread::yield_now();
            own.renew(&mut held);
            if check(&request) == 1 {
                assert!(watched.upgrade().is_some(), "freed while it is held");
            }
        });
        publish(&core, 2);
        engine.join().expect("no panic");
        assert!(old.upgrade().is_none(), "kept although nobody holds it");
    });
}

#[test]
fn two_publications_at_once_become_two_generations() {
    many_orders(|| {
        let core = Arc::new(Core::new(1));
        let publishers: Vec<_> = (0..2)
            .map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    let plan = serde_json::from_str(&plan(json!({}))).expect("a plan");
                    core.publish(plan).expect("it compiles").0
                })
            })
            .collect();
        let mut seen: Vec<u64> = publishers.into_iter().map(|one| one.join().expect("no panic")).collect();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert_eq!(core.snapshot().map(|snapshot| snapshot.generation), Some(2));
        assert_eq!(core.generation(), 2);
    });
}
