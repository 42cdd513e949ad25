//! The spawner: how work goes on beside its caller, with whatever runtime there is.

/// Something that runs a future to its end while its caller goes on.
///
/// # Examples
/// ```
/// use fusebox::spawn::Spawn;
///
/// /// For a test: a thread each. With tokio the body is `tokio::spawn(future);`.
/// struct Threads;
///
/// impl Spawn for Threads {
///     fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
///         std::thread::spawn(|| futures::executor::block_on(future));
///     }
/// }
/// Threads.spawn(async {});
/// ```
pub trait Spawn {
    /// Runs it. What cannot be run is dropped.
    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F);
}

impl<S: Spawn + ?Sized> Spawn for &S {
    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        (**self).spawn(future);
    }
}
