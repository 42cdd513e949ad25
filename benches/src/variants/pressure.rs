//! Every operation of our load shedders, each on one that goes on answering the same.

use std::{hint::black_box, mem, pin::pin, sync::Arc, time::Duration};

use fusebox::{
    observe::observe_with,
    pressure::{Adaptation, Algorithm, Capacity, Event, Fixed, LoadShedder, Permit, Priority},
};

use super::Measure;
use crate::peers::patience;

/// More than threads run at once.
const ROOMY: Capacity = Capacity::of(10_000).constant();
/// One, which is taken.
const ONE: Capacity = Capacity::of(1).constant();

/// The operations of a fixed capacity.
pub fn fixed(measure: &mut impl Measure) {
    let roomy = || LoadShedder::new(ROOMY);
    measure.measure("admit_release", roomy(), |s, _| drop(black_box(s.admit(Priority::Normal))));
    let counting = roomy().counted();
    measure.measure("admit_release/counting", counting, |s, _| drop(black_box(s.admit(Priority::Normal))));
    let owned = Arc::new(roomy());
    measure.measure("admit_release/owned", owned, |s, _| drop(black_box(s.admit_owned(Priority::Normal))));
    measure.measure("call", roomy(), |s, _| s.call(Priority::Normal, || Ok::<_, ()>(black_box(7))));
    let never = |_: Duration| std::future::pending();
    measure.measure("admit_within", roomy(), move |s, _| {
        drop(black_box(patience::wait(pin!(s.admit_within(Priority::Normal, Duration::MAX, &never)))));
    });
    measure.measure("look", roomy(), |s, _| s.look());

    measure.measure("shed", full(LoadShedder::new(ONE)), |s, _| s.admit(Priority::Normal).is_ok());
    let counting = full(LoadShedder::new(ONE).counted());
    measure.measure("shed/counting", counting, |s, _| s.admit(Priority::Normal).is_ok());
    let observed = full(LoadShedder::new(ONE).with_observer(observe_with(notice)));
    measure.measure("shed/observed", observed, |s, _| s.admit(Priority::Normal).is_ok());
}

/// The operations of a capacity that finds itself.
pub fn adaptive(measure: &mut impl Measure) {
    let of = |algorithm| {
        let adaptation = Adaptation::of(ROOMY).between(ROOMY.slots(), ROOMY.slots()).algorithm(algorithm);
        LoadShedder::adaptive(adaptation.build().expect("a valid adaptation"))
    };
    for (name, algorithm) in [
        ("admit_release", Algorithm::Gradient),
        ("admit_release/vegas", Algorithm::Vegas),
        ("admit_release/aimd", Algorithm::Aimd),
    ] {
        measure
            .measure(name, of(algorithm), |s, _| black_box(s.admit(Priority::Normal)).map(Permit::success));
    }
    measure.measure("admit_release/ignored", of(Algorithm::Gradient), |s, _| {
        drop(black_box(s.admit(Priority::Normal)));
    });
}

/// All slots are taken, for good.
fn full<C, O, N>(shedder: LoadShedder<Fixed, C, O, N>) -> LoadShedder<Fixed, C, O, N>
where
    C: fusebox::time::TimeSource,
    O: fusebox::observe::Observer<Event>,
    N: fusebox::pressure::Counting,
{
    assert!(shedder.admit(Priority::Critical).map(mem::forget).is_ok());
    shedder
}

/// The cheapest observer there is: what is timed is the telling.
fn notice(event: &Event) {
    black_box(event);
}
