//! Every operation on one thread: `cargo bench --manifest-path benches/Cargo.toml --bench alone`.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use fusebox_benches::variants::{self, Measure};

struct Alone<'a>(BenchmarkGroup<'a, WallTime>);

impl Measure for Alone<'_> {
    fn measure<S, R>(
        &mut self,
        name: &str,
        state: S,
        operation: impl Fn(&S, u64) -> R + Send + Sync + 'static,
    ) where
        S: Send + Sync + 'static,
    {
        let mut index = 0;
        self.0.bench_function(format!("{name}/1"), |bencher| {
            bencher.iter(|| {
                index += 1;
                black_box(&operation(black_box(&state), index));
            });
        });
    }
}

fn group(criterion: &mut Criterion, name: &str, operations: impl FnOnce(&mut Alone)) {
    let mut alone = Alone(criterion.benchmark_group(name));
    alone.0.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    operations(&mut alone);
    alone.0.finish();
}

fn breaker(criterion: &mut Criterion) {
    group(criterion, "breaker", |alone| {
        variants::breaker::closed(alone);
        variants::breaker::open(alone);
    });
}

fn limiter(criterion: &mut Criterion) {
    group(criterion, "limiter", |alone| variants::limiter::one_quota(alone));
    group(criterion, "keyed", |alone| variants::limiter::keyed(alone));
}

fn pressure(criterion: &mut Criterion) {
    group(criterion, "pressure", |alone| variants::pressure::fixed(alone));
    group(criterion, "pressure/adaptive", |alone| variants::pressure::adaptive(alone));
}

criterion_group!(benches, breaker, limiter, pressure);
criterion_main!(benches);
