//! Which place a new key takes, and what becomes of claims that are left behind.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use alloc::vec::Vec;

use super::{Choice, Found, Place, Places, Room};
use crate::cell::Meaning;
use crate::limiter::Quota;
use crate::limiter::keyed::bucket::{Ask, Key, SLOTS, Taken};
use crate::limiter::keyed::plan::{Moment, Plans};
use crate::limiter::keyed::table::Table;
use crate::limiter::keyed::word::{Owner, Since, Slot, TIME_BITS, Wrapping};

const SECOND: u64 = 1_000_000_000;

/// A table of two buckets, in which a cell a second is free for each key, and the places of the key with tag 1 at the first.
struct Stand {
    table: Table,
    plans: Plans,
}

impl Stand {
    fn new() -> Self {
        // In units of other lengths.
        let quotas = [Quota::per_second(1).burst(10).constant(), Quota::per_second(3).burst(30).constant()];
        let plans = Plans::new(&quotas).unwrap();
        Self { table: Table::new(8).unwrap(), plans }
    }

    const KEY: Key = Key { tag: 1, tier: 0, n: 1 };

    const HOME: usize = 1;

    fn places(&self) -> Places<'_> {
        self.table.places_of(Self::HOME, Self::KEY.tag)
    }

    fn at(&self, nanos: u64) -> Moment {
        self.plans.moment(nanos)
    }

    fn put(&self, place: Place, slot: Slot) {
        let cell = self.places().slot(place);
        assert!(cell.replace(cell.load(), slot.encode()));
    }

    /// The quota of some other key, which recovers at this second.
    fn put_quota(&self, place: Place, second: u64) {
        let units = self.plans.span(0, self.at(second * SECOND)).floor;
        let tag = 100 + u16::try_from(usize::from(place.away) * SLOTS + place.slot).unwrap();
        self.put(place, Slot::Timed { tag, tier: 0, time: Wrapping::of(units) });
    }

    fn all_recover_at(&self, second: u64) {
        for (place, _) in self.places().slots() {
            self.put_quota(place, second);
        }
    }

    /// Where the key's quota is written, and how many were evicted for it.
    fn miss(&self, second: u64) -> (Place, u64) {
        let now = || self.at(second * SECOND);
        let answer = self.table.miss(Self::HOME, Self::KEY, now, &self.plans, true).unwrap();
        let place =
            self.places().slots().find(|(_, slot)| super::has_tag(slot.load(), Self::KEY.tag)).unwrap();
        (place.0, answer.evicted)
    }

    const fn at_home(slot: usize) -> Place {
        Place { away: false, slot }
    }

    const fn away(slot: usize) -> Place {
        Place { away: true, slot }
    }
}

#[test]
fn a_free_place_at_home_is_before_all_others() {
    let stand = Stand::new();
    stand.all_recover_at(3);
    stand.put(Stand::at_home(5), Slot::Free { ticket: 9 });
    stand.put(Stand::away(0), Slot::Free { ticket: 9 });
    assert_eq!(stand.miss(100), (Stand::at_home(5), 0));
}

#[test]
fn who_recovered_longest_ago_gives_up_its_place_and_those_at_home_before_those_elsewhere() {
    let stand = Stand::new();
    stand.all_recover_at(50);
    stand.put_quota(Stand::at_home(4), 20);
    stand.put_quota(Stand::away(2), 10);
    assert_eq!(stand.miss(60), (Stand::at_home(4), 0));
    // Nobody at home has recovered.
    let stand = Stand::new();
    stand.all_recover_at(50);
    stand.put_quota(Stand::away(2), 44);
    stand.put_quota(Stand::away(3), 43);
    stand.put_quota(Stand::at_home(1), 46);
    assert_eq!(stand.miss(45), (Stand::away(3), 0));
    // A place that is free elsewhere is after those.
    stand.put(Stand::away(6), Slot::Free { ticket: 0 });
    stand.put(Stand::away(3), Slot::Free { ticket: 0 });
    stand.put_quota(Stand::at_home(1), 45);
    assert_eq!(stand.miss(45), (Stand::at_home(1), 0));
}

#[test]
fn where_all_are_live_who_would_recover_soonest_is_evicted() {
    for away in [false, true] {
        let stand = Stand::new();
        stand.all_recover_at(9);
        let soonest = if away { Stand::away(3) } else { Stand::at_home(3) };
        stand.put_quota(soonest, 8);
        assert_eq!(stand.miss(7), (soonest, 1));
    }
}

#[test]
fn whatever_the_others_are_the_order_is_the_same() {
    for (claimed, live) in [(false, false), (true, false), (false, true), (true, true)] {
        let stand = Stand::new();
        stand.all_recover_at(9);
        stand.put_quota(Stand::at_home(2), 8);
        let now = if live { 7 } else { 20 };
        // Beside somebody's claim, each word is looked at more closely.
        if claimed {
            stand.put(Stand::at_home(0), claim(7, now * SECOND, 1));
        }
        assert_eq!(stand.miss(now), (Stand::at_home(2), u64::from(live)));
    }
}

fn claim(tag: u16, nanos: u64, ticket: u32) -> Slot {
    Slot::Claimed { tag, since: Since::of(nanos), ticket }
}

#[test]
fn a_claim_left_behind_is_gone_on_with_by_its_key() {
    let stand = Stand::new();
    stand.all_recover_at(9);
    stand.put(Stand::away(3), claim(Stand::KEY.tag, 0, 1));
    assert_eq!(stand.miss(1), (Stand::away(3), 0));
}

#[test]
fn a_claim_left_behind_makes_room_after_a_while_and_not_before() {
    let stand = Stand::new();
    stand.all_recover_at(9);
    stand.put(Stand::at_home(3), claim(7, 2 * SECOND, 1));
    // It stands while it may be gone on with: somebody live is evicted instead.
    let just_now =
        stand.table.miss(Stand::HOME, Stand::KEY, || stand.at(2 * SECOND + 50_000_000), &stand.plans, true);
    assert_eq!(just_now.unwrap().evicted, 1);
    assert_eq!(Slot::decode(stand.places().slot(Stand::at_home(3)).load()), claim(7, 2 * SECOND, 1));
    for seconds in (3..270).chain(280..540) {
        let stand = Stand::new();
        stand.all_recover_at(1_000);
        stand.put(Stand::at_home(3), claim(7, 2 * SECOND, 1));
        assert_eq!(stand.miss(seconds), (Stand::at_home(3), 0), "{seconds} s");
    }
}

#[test]
fn all_agree_on_the_order_of_places() {
    let table = Table::new(4_000).unwrap();
    for tag in 0..200 {
        let here = table.places_of(17, tag);
        let other = table.number_of(here.other).unwrap();
        let there = table.places_of(other, tag);
        let both = [&here, &there].map(|places| places.slots().map(|(_, slot)| core::ptr::from_ref(slot)));
        let [here_all, there_all] = both.map(Iterator::collect::<Vec<_>>);
        assert_eq!(here_all, there_all);
        let places: Vec<Place> = here.slots().map(|(place, _)| place).collect();
        for pair in places.windows(2) {
            assert!(here.is_after(pair[1], pair[0]) && !here.is_after(pair[0], pair[1]));
        }
    }
}

#[test]
fn no_cells_of_a_new_key_between_full_buckets_change_nothing() {
    for claimed in [false, true] {
        let stand = Stand::new();
        stand.all_recover_at(9);
        if claimed {
            stand.put(Stand::away(2), claim(7, 7 * SECOND, 1));
        }
        let words = || stand.places().slots().map(|(_, slot)| slot.load()).collect::<Vec<_>>();
        let before = words();
        let key = Key { n: 0, ..Stand::KEY };
        for evict in [true, false] {
            let answer =
                stand.table.miss(Stand::HOME, key, || stand.at(7 * SECOND), &stand.plans, evict).unwrap();
            assert!(matches!(answer.taken, Taken::Admitted(_)) && answer.evicted == 0);
        }
        assert_eq!(words(), before);
    }
}

#[test]
fn at_the_end_of_time_nobody_is_evicted_for_a_key_that_is_denied() {
    for claimed in [false, true] {
        let stand = Stand::new();
        let (end, now) = (u64::MAX / SECOND, u64::MAX - 2 * SECOND);
        stand.places().at(stand.at(now), &stand.plans);
        stand.all_recover_at(end);
        if claimed {
            stand.put(Stand::away(2), claim(7, now, 1));
        }
        let key = Key { n: 10, ..Stand::KEY };
        let answer = stand.table.miss(Stand::HOME, key, || stand.at(now), &stand.plans, true).unwrap();
        assert!(matches!(answer.taken, Taken::Denied { .. }) && answer.evicted == 0, "{answer:?}");
    }
}

/// A time at which an arrival time of the first epoch, of which the lowest bits are kept, seems to be so many seconds ahead.
fn when_it_seems_ahead(stand: &Stand, second: u64, ahead: u64) -> Moment {
    let units = stand.plans.span(0, stand.at(second * SECOND)).floor + (1 << TIME_BITS);
    let quota = stand.plans.quota(0);
    stand.at(quota.scale.nanos(units - ahead * quota.interval))
}

#[test]
fn a_quota_elsewhere_from_ages_ago_is_over_though_home_was_touched_since() {
    let stand = Stand::new();
    let units = stand.plans.span(0, stand.at(9 * SECOND)).floor;
    let time = Wrapping::of(units);
    stand.put(Stand::away(3), Slot::Timed { tag: Stand::KEY.tag, tier: 0, time });
    let now = when_it_seems_ahead(&stand, 9, 5);
    assert_eq!(stand.places().home.at(now, &stand.plans), now);
    let key = Key { n: 10, ..Stand::KEY };
    let answer = stand.table.miss(Stand::HOME, key, || now, &stand.plans, true).unwrap();
    assert!(matches!(answer.taken, Taken::Admitted(_)), "{answer:?}");
}

#[test]
fn keys_elsewhere_from_ages_ago_give_up_their_places_though_home_was_touched_since() {
    let stand = Stand::new();
    let now = when_it_seems_ahead(&stand, 9, 5);
    for slot in 0..SLOTS {
        stand.put_quota(Stand::away(slot), 9);
    }
    assert_eq!(stand.places().home.at(now, &stand.plans), now);
    let floor = stand.plans.span(0, now).floor;
    for slot in 0..SLOTS {
        let time = Wrapping::of(floor + stand.plans.quota(0).interval);
        stand.put(Stand::at_home(slot), Slot::Timed { tag: 50, tier: 0, time });
    }
    let answer = stand.table.miss(Stand::HOME, Stand::KEY, || now, &stand.plans, true).unwrap();
    assert_eq!(answer.evicted, 0, "there is room elsewhere");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() })]

    /// The straight way and the close one choose the same place: that of the first by the rule, written plainly.
    #[test]
    fn properties_all_ways_lead_to_one_place(
        keys in proptest::collection::vec((1..40_u64, 0..2_u8), 2 * SLOTS), now in 12..30_u64, one: bool, mixed: bool,
        base in 0..40_000_000_u64,
    ) {
        let mut stand = Stand::new();
        if one {
            stand.table = Table::new(1).unwrap();
        }
        let places = if one { stand.table.places_of(0, Stand::KEY.tag) } else { stand.places() };
        let mut choice = Choice::default();
        let now = base + now;
        let ask = Ask::new(Stand::KEY, &stand.plans, places.at(stand.at(now * SECOND), &stand.plans));
        let mut all = Vec::new();
        for ((place, slot), (second, tier)) in places.slots().zip(keys) {
            let tier = if mixed { tier } else { 0 };
            // A burst ahead at most.
            let second = (base + second).min(now + 10);
            let units = stand.plans.span(tier, stand.at(second * SECOND)).floor;
            let tag = 100 + u16::try_from(usize::from(place.away) * SLOTS + place.slot).unwrap();
            let word = Slot::Timed { tag, tier, time: Wrapping::of(units) }.encode();
            slot.replace(slot.load(), word);
            choice.consider(place, word, &ask);
            all.push((second.saturating_sub(now), place.away, second, place));
        }
        let of = |room: Room| (room.place, room.seen, room.wait);
        let Some(Found::Room(close)) = places.survey(&ask) else { panic!("there is room") };
        // Where two of different tiers recover at once, either may go.
        let first = all.iter().copied().min_by_key(|&(wait, away, second, _)| (wait, away, second)).unwrap();
        let alike = |place: Place| {
            let (wait, away, second, _) = *all.iter().find(|(_, _, _, at)| *at == place).unwrap();
            (wait, away, second) == (first.0, first.1, first.2)
        };
        proptest::prop_assert!(alike(close.place));
        let (_, considered) = choice.first.unwrap();
        proptest::prop_assert!(alike(considered.place));
        if !mixed {
            proptest::prop_assert_eq!(of(close), of(considered));
            let beginning = ask.beginning(0);
            let first = |bucket: &super::Bucket| bucket.sight(Owner::of(Stand::KEY.tag, 0), beginning).first.unwrap();
            let straight = places.among_equals(first(places.home), first(places.other), beginning, &ask);
            proptest::prop_assert_eq!(of(straight.unwrap()), of(close));
        }
    }
}

#[test]
fn a_table_of_claims_alone_stops_nobody() {
    let stand = Stand::new();
    for (number, (place, _)) in stand.places().slots().enumerate() {
        stand.put(place, claim(200, SECOND, u32::try_from(number).unwrap()));
    }
    let (_, evicted) = stand.miss(1);
    assert_eq!(evicted, 0, "a claim is no live key");
}
