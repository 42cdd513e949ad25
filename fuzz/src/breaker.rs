//! Any script of operations, under any policy and on any clock: the breaker is what the plain model of the
//! property tests is (`../tests/model/mod.rs`), step for step.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::driver::{Act, Driver, Step, Tick};
use crate::input;
use crate::model::spec::Spec;

/// A policy, and what is done to its breaker.
#[derive(Debug)]
pub struct Script {
    spec: Spec,
    /// Whether it is a plain policy, where that can say it.
    plain: bool,
    steps: Vec<Step>,
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (plain, restarts) = (u.arbitrary()?, u.ratio(1, 3_u8)?);
        let spec = input::spec(u)?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < 64 {
            steps.push(step(restarts, u)?);
        }
        Ok(Self { spec, plain, steps })
    }
}

impl Script {
    pub fn check(&self) {
        if let Err(wrong) = Driver::new(&self.spec, self.plain).run(&self.steps) {
            panic!("{wrong}\n{self:#?}");
        }
    }
}

/// A process that is started again has a clock that goes forward, as far as the model knows it.
fn step(restarts: bool, u: &mut Unstructured<'_>) -> Result<Step> {
    let tick = if restarts { forward(u)? } else { anywhere(u)? };
    let restart = restarts && u.ratio(1, 6_u8)?;
    Ok(Step { tick, reads: u.arbitrary()?, act: if restart { restore(u)? } else { act(u)? } })
}

fn forward(u: &mut Unstructured<'_>) -> Result<Tick> {
    Ok(match u.int_in_range(0..=2_u8)? {
        0 => Tick::Beside { which: u.arbitrary()?, offset: input::beside(u)? },
        _ => Tick::By(input::pause(u)? / 8),
    })
}

fn anywhere(u: &mut Unstructured<'_>) -> Result<Tick> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0 => Tick::Back(input::pause(u)?),
        1 => Tick::To(input::far(u)?),
        _ => forward(u)?,
    })
}

fn act(u: &mut Unstructured<'_>) -> Result<Act> {
    Ok(match u.int_in_range(0..=9_u8)? {
        0 | 1 => Act::Acquire,
        2 | 3 => Act::Finish { which: u.arbitrary()?, how: input::how(u)? },
        4..=6 => Act::Call { took: input::pause(u)?, how: input::how(u)? },
        7 => Act::Hand(input::hand(u)?),
        8 => Act::Shadow(u.ratio(1, 3_u8)?),
        _ => Act::Look { ahead: input::pause(u)? },
    })
}

fn restore(u: &mut Unstructured<'_>) -> Result<Act> {
    let wall = match u.int_in_range(0..=3_u8)? {
        0 => 0,
        1 => i64::from(u.arbitrary::<i32>()?) * 1_000_000,
        2 => i64::MIN,
        _ => u.int_in_range(0..=100_000_000)?,
    };
    Ok(Act::Restore { wall, clock: input::pause(u)? / 8 })
}
