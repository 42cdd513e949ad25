//! Every operation on one, two, four … threads that share a primitive, up to twice as many as can run at once:
//! `cargo bench --manifest-path benches/Cargo.toml --bench contended`. A figure is what one of the threads saw.

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use fusebox_benches::{
    contest::Batch,
    crew::Crew,
    machine::cores,
    variants::{self, Measure},
};

struct Contended<'a>(BenchmarkGroup<'a, WallTime>);

impl Measure for Contended<'_> {
    fn measure<S, R>(
        &mut self,
        name: &str,
        state: S,
        operation: impl Fn(&S, u64) -> R + Send + Sync + 'static,
    ) where
        S: Send + Sync + 'static,
    {
        let batch: Batch = Arc::new(move |count| {
            for index in 0..count {
                black_box(&operation(black_box(&state), index));
            }
        });
        for threads in (0..).map(|power| 1 << power).take_while(|&threads| threads <= 2 * cores()) {
            let crew = Crew::of(threads);
            self.0.bench_function(format!("{name}/{threads}"), |bencher| {
                bencher.iter_custom(|count| {
                    let nanos = crew.sample(&batch, count);
                    Duration::from_secs_f64(nanos * count as f64 / 1e9)
                });
            });
        }
    }
}

fn group(criterion: &mut Criterion, name: &str, operations: impl FnOnce(&mut Contended)) {
    let mut contended = Contended(criterion.benchmark_group(name));
    contended.0.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    contended.0.sample_size(20);
    operations(&mut contended);
    contended.0.finish();
}

fn breaker(criterion: &mut Criterion) {
    group(criterion, "breaker", |contended| {
        variants::breaker::closed(contended);
        variants::breaker::open(contended);
    });
}

fn limiter(criterion: &mut Criterion) {
    group(criterion, "limiter", |contended| variants::limiter::one_quota(contended));
    group(criterion, "keyed", |contended| variants::limiter::keyed(contended));
}

fn pressure(criterion: &mut Criterion) {
    group(criterion, "pressure", |contended| variants::pressure::fixed(contended));
    group(criterion, "pressure/adaptive", |contended| variants::pressure::adaptive(contended));
}

criterion_group!(benches, breaker, limiter, pressure);
criterion_main!(benches);
