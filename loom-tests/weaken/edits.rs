//! What is weakened, and which model must then fail.

/// One text in one file of `src`, found there exactly once, and what it becomes.
pub struct Edit {
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

/// One protocol made weaker.
pub struct Weakening {
    pub name: &'static str,
    pub model: &'static str,
    pub edits: &'static [Edit],
}

macro_rules! weakenings {
    ($($name:literal => $model:literal { $($file:literal, $from:literal, $to:literal;)+ })+) => {
        vec![$(Weakening {
            name: $name,
            model: $model,
            edits: &[$(Edit { file: $file, from: $from, to: $to }),+],
        }),+]
    };
}

pub fn all() -> Vec<Weakening> {
    let mut all = word();
    all.extend(instants());
    all.extend(window_by_count());
    all.extend(window_by_time());
    all.extend(lanes());
    all.extend(limiter());
    all.extend(pressure());
    all.extend(fallback());
    all.extend(budget());
    all
}

/// One word, one loop, the rules inside it.
fn word() -> Vec<Weakening> {
    weakenings! {
        "a store instead of the swap" => "opening::one_recorder_opens_and_only_one" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {",
            "self.0.store(next, Ordering::Release);\n match Ok::<u64, u64>(seen) {";
        }
        "the half-open limit is checked before the loop" => "half_open::half_open_never_admits_more_than_its_limit_of_two" {
            "breaker/admit.rs",
            "            let (before, admission) = self.word.apply(|view: View| {\n",
            "            let outside: View = self.word.view();
            let (before, admission) = self.word.apply(|view: View| {
                let view = match (outside.mode, view.mode) {
                    (Mode::HalfOpen { in_flight: 1, .. }, Mode::HalfOpen { successes, streak, slack, .. }) =>
                        view.with(Mode::HalfOpen { in_flight: 1, successes, streak, slack }),
                    _ => view,
                };\n";
        }
        "an outcome's generation is not compared" => "late::a_late_failure_does_not_open_and_a_late_success_does_not_close" {
            "breaker/rules.rs",
            "    if view.generation != generation {\n        return (view, Row::Late);\n    }\n",
            "";
        }
        "a half-open timeout does not start a new generation" => "probes::a_verdict_racing_the_timeout_stands_or_is_late" {
            "breaker/word.rs",
            "Self { generation: self.generation.next(), mode, ..self }",
            "Self { mode, ..self }";
        }
        "loads are relaxed" => "opening::who_sees_a_state_sees_what_its_winner_had_done_before" {
            "cell.rs", "self.0.load(Ordering::Acquire)", "self.0.load(Ordering::Relaxed)";
        }
        "swaps release nothing" => "opening::who_sees_a_state_sees_what_its_winner_had_done_before" {
            "cell.rs", "(seen, next, Ordering::AcqRel, Ordering::Acquire)", "(seen, next, Ordering::Acquire, Ordering::Acquire)";
        }
        "swaps acquire nothing" => "opening::who_opens_has_seen_what_each_failure_of_the_row_had_done" {
            "cell.rs", "(seen, next, Ordering::AcqRel, Ordering::Acquire)", "(seen, next, Ordering::Release, Ordering::Acquire)";
        }
        "failed swaps acquire nothing" => "window_by_count::two_failures_at_once_are_both_counted" {
            "cell.rs", "(seen, next, Ordering::AcqRel, Ordering::Acquire)", "(seen, next, Ordering::AcqRel, Ordering::Relaxed)";
        }
        "a change that an acquire finds is not told" => "half_open::half_open_never_admits_more_than_its_limit_of_one" {
            "breaker/admit.rs",
            "                    if let Some(turn) = turn {\n                        self.turned(turn);\n                    }\n",
            "                    let _ = turn;\n";
        }
        "a hook runs before the instants are published" => "hooks::a_hook_that_calls_the_breaker_again_hangs_nobody" {
            "breaker/record.rs", "        self.settle(turn);\n        match recorded {", "        match recorded {";
            "breaker/record.rs",
            "            Recorded::Late { .. } => self.count(judged.counted.map(|_| Kind::Late)),\n        }\n        self.tell_turn(turn);\n",
            "            Recorded::Late { .. } => self.count(judged.counted.map(|_| Kind::Late)),\n        }\n        self.tell_turn(turn);\n        self.settle(turn);\n";
        }
    }
}

/// The companion words.
fn instants() -> Vec<Weakening> {
    weakenings! {
        "the stamp of `mark` is not compared" => "instants::a_clock_reading_delayed_across_a_failed_probe_frees_nobody_early" {
            "breaker/instants.rs",
            "(mark.generation == generation && opened.generation == generation)",
            "true";
            "breaker/instants.rs", "if mark.generation != generation {", "if false {";
            "breaker/instants.rs", "if opened.generation != generation || first.generation != generation {", "if false {";
        }
        "the stamps of `opened` and `first` are not compared" => "instants::a_wait_that_is_told_is_never_put_together_from_two_states" {
            "breaker/instants.rs",
            "(mark.generation == generation && opened.generation == generation)",
            "(mark.generation == generation)";
            "breaker/instants.rs", "if opened.generation != generation || first.generation != generation {", "if false {";
        }
        "`mark` is published first, and the other stamps not compared" => "instants::a_wait_that_is_told_comes_with_the_opening_it_belongs_to" {
            "breaker/instants.rs",
            "(mark.generation == generation && opened.generation == generation)",
            "(mark.generation == generation)";
            "breaker/instants.rs", "if opened.generation != generation || first.generation != generation {", "if false {";
            "breaker/instants.rs",
            "[(&self.opened, known.opened), (&self.first, known.first), (&self.mark, known.mark)]",
            "[(&self.mark, known.mark), (&self.opened, known.opened), (&self.first, known.first)]";
        }
        "a publisher looks at no later stamp" => "instants::a_publisher_that_was_held_up_cannot_undo_the_instants_of_a_later_state" {
            "breaker/instants.rs", "if there.generation.is_after(generation) { there } else { ours }", "ours";
        }
    }
}

fn window_by_count() -> Vec<Weakening> {
    weakenings! {
        "no fence between mark and sum (count)" => "window_by_count::two_failures_at_once_on_two_pages_are_both_counted" {
            "breaker/count_window.rs", "        cell::full_fence();\n", "";
        }
        "a taken position is not given up" => "window_by_count::two_failures_at_once_are_both_counted" {
            "breaker/count_window.rs", "return (self, Set::Taken);", "return (self, Set::Done);";
        }
        "a lane's stamp is not compared" => "window_by_count::a_late_outcome_on_an_owned_lane_is_not_in_the_new_window" {
            "breaker/count_window.rs", "if self.generation == generation { self.calls } else { 0 }", "self.calls";
        }
        "a late outcome takes over a lane" => "window_by_count::a_late_outcome_on_a_shared_lane_is_not_in_the_new_window" {
            "breaker/count_window.rs", "} else if of.lives() {", "} else if true {";
        }
        "a late outcome takes over a page" => "window_by_count::a_late_outcome_on_a_shared_lane_is_not_in_the_new_window" {
            "breaker/count_window.rs", "return !of.lives();", "return false;";
        }
        "a restored mark gives way" => "snapshot::a_window_filled_while_others_fail_holds_all_of_it" {
            "breaker/count_window.rs", "if self.set(of, position, mark) == Set::Taken {", "if self.set(of, position, mark) != Set::Taken && false {";
        }
    }
}

fn window_by_time() -> Vec<Weakening> {
    weakenings! {
        "no fence between mark and sum (time)" => "window_by_time::two_failures_at_once_in_neighbouring_slices_are_both_counted" {
            "breaker/time_window.rs", "        cell::full_fence();\n", "";
        }
        "a failure sums up to its own slice" => "window_by_time::two_failures_at_once_in_neighbouring_slices_are_both_counted" {
            "breaker/time_window.rs", "self.sums(of.generation, self.head.load())", "self.sums(of.generation, slice)";
        }
        "a failure is marked before it is counted" => "window_by_time::a_rate_is_never_taken_for_higher_than_it_is" {
            "breaker/time_window.rs", "        self.count(of, slice);\n        for", "        for";
            "breaker/time_window.rs", "        cell::full_fence();\n", "        self.count(of, slice);\n        cell::full_fence();\n";
        }
        "a late outcome takes over a slot" => "window_by_time::a_late_outcome_is_not_in_the_new_window" {
            "breaker/time_window.rs", "} else if of.lives() && !self.is_later(slot, slice) {", "} else if !self.is_later(slot, slice) {";
        }
        "who moves the head clears what others counted" => "window_by_time::moving_the_head_on_to_where_another_counts_loses_nothing" {
            "breaker/time_window.rs", "if self.head.load() >= slice { slot }", "if false { slot }";
        }
        "the head moves on before the slots are cleared" => "window_by_time::moving_the_head_on_to_where_another_counts_loses_nothing" {
            "breaker/time_window.rs", "let from = self.head.load();", "let from = self.head.apply(|Head(head)| (Head(head.max(to)), head));";
            "breaker/time_window.rs", "if self.head.load() >= slice { slot }", "if false { slot }";
        }
    }
}

fn lanes() -> Vec<Weakening> {
    weakenings! {
        "a shared lane of a window is written as if it were owned" => "window_by_count::two_failures_at_once_on_a_shared_lane_are_both_counted" {
            "breaker/count_window.rs", "word.apply(|tally: Tally| (tally.more(of, 1), ()));", "word.apply_owned(|tally: Tally| tally.more(of, 1));";
        }
        "a shared lane of counters is written as if it were owned" => "counters::counts_on_an_owned_and_a_shared_lane_add_up" {
            "lanes.rs", "self.0.fetch_add(n, Ordering::Relaxed);", "self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);";
        }
        "a number is taken relaxed" => "lanes::a_number_has_one_holder_and_is_handed_over_with_what_was_written" {
            "lanes.rs", "self.0.fetch_or(1 << number, Ordering::Acquire)", "self.0.fetch_or(1 << number, Ordering::Relaxed)";
        }
        "a number is given back relaxed" => "lanes::a_number_has_one_holder_and_is_handed_over_with_what_was_written" {
            "lanes.rs", "self.0.fetch_and(!(1 << number), Ordering::Release);", "self.0.fetch_and(!(1 << number), Ordering::Relaxed);";
        }
        "a number is taken without looking who had it" => "lanes::numbers_taken_at_once_are_different" {
            "lanes.rs", "if seen & (1 << number) == 0 {", "if true {";
        }
    }
}

/// The limiter: leases, regimes, the keyed table.
fn limiter() -> Vec<Weakening> {
    weakenings! {
        "limiter: a store instead of the swap" => "limiter_strict::as_many_cells_are_admitted_as_there_are" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {",
            "self.0.store(next, Ordering::Release);\n match Ok::<u64, u64>(seen) {";
        }
        "limiter: a lease is not counted out of the centre" => "limiter_leased::what_one_refills_is_not_lent_twice" {
            "limiter/lease.rs",
            "let grabbed = self.centre.word.apply(|tat: Tat| rules::grab(tat, span, needed, most, quota));",
            "let grabbed = rules::grab(self.centre.word.view(), span, needed, most, quota).1;";
        }
        "limiter: a refund does not know of those before it" => "limiter_strict::a_refund_behind_a_refund_gives_back_nothing_that_is_refilled_already" {
            "limiter/form.rs", "    let after = after.saturating_sub(others);\n", "    let _ = others;\n";
        }
        "limiter: neighbours are not asked" => "limiter_leased::shards_that_run_dry_at_once_find_every_cell_and_no_other" {
            "limiter/lease.rs",
            "for (shard, hand) in self.from(mine).zip(&mut hands) {",
            "for (shard, hand) in self.from(mine).take(1).zip(&mut hands) {";
        }
        "limiter: room for what comes from the centre is not marked" => "limiter_leased::cells_on_their_way_while_time_passes_are_still_counted" {
            "limiter/lease.rs",
            "(Self { on_the_way: self.on_the_way + room, ..self }, room)",
            "(self, room)";
        }
        "limiter: a late toucher looks at the header once" => "limiter_keyed::a_late_first_touch_of_an_epoch_frees_nobody" {
            "limiter/keyed/bucket.rs", "if self.header.view::<Header>().epoch != header.epoch {", "if false {";
        }
        "limiter: the old quota's word is not ended" => "limiter_adjust::a_change_of_the_quota_beside_admissions_loses_none_of_them" {
            "limiter/adjust.rs",
            "Held::Live(tat) | Held::Ended(tat) => (Held::Ended(tat), tat),",
            "Held::Live(tat) | Held::Ended(tat) => (held, tat),";
        }
        "limiter: the new quota's word begins known" => "limiter_adjust::a_change_of_the_quota_beside_admissions_loses_none_of_them" {
            "limiter/adjust.rs",
            "            next.word.apply(|_: Held| (Held::Unknown, ()));\n",
            "";
        }
        "limiter: a new key does not look at the other places" => "limiter_keyed::first_calls_of_one_key_that_find_different_places_free_admit_its_burst" {
            "limiter/keyed/places.rs",
            ".filter(|(place, _)| *place != claim.place)",
            ".filter(|_| false)";
        }
        "limiter: no fence between a claim and the look" => "limiter_keyed::first_calls_of_one_key_that_find_different_places_free_admit_its_burst" {
            "cell.rs", "        if swapped {\n            full_fence();\n        }\n", "";
        }
        "limiter: a newcomer to full buckets does not look" => "limiter_keyed::first_calls_of_one_key_to_full_buckets_admit_its_burst" {
            "limiter/keyed/places.rs", "(bearers <= 1 || ", "(true || ";
        }
        "limiter: a later claim is not emptied" => "limiter_keyed::first_calls_of_one_key_that_find_different_places_free_admit_its_burst" {
            "limiter/keyed/places.rs",
            "if !bucket.replace(other, word, Slot::Free { ticket: bucket.ticket() }) {",
            "if bucket.ticket() == u32::MAX {";
        }
    }
}

/// The shedder: slots, the waiting room, a capacity that finds itself.
fn pressure() -> Vec<Weakening> {
    weakenings! {
        "pressure: a store instead of the swap" => "pressure::two_slots_are_never_held_by_three" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next.encode(), Ordering::AcqRel, Ordering::Acquire) {",
            "self.0.store(next.encode(), Ordering::Release);\n match Ok::<u64, u64>(seen) {";
        }
        "pressure: a slot is given back relaxed" => "pressure::one_slot_is_held_by_one" {
            "cell.rs", "self.0.fetch_sub(1, Ordering::AcqRel)", "self.0.fetch_sub(1, Ordering::Acquire)";
        }
        "pressure: the last release looks at what was done relaxed" => "pressure::a_drain_sees_the_last_release" {
            "cell.rs", "self.0.fetch_sub(1, Ordering::AcqRel)", "self.0.fetch_sub(1, Ordering::Relaxed)";
        }
        "pressure: the check is outside the swap" => "pressure::critical_respects_the_cap_whoever_fills_the_rest" {
            "pressure/admit.rs",
            "match self.slots.attempt(|slots: Slots| rules::admit(slots, share)) {",
            "let fits = rules::admit(self.slots(), share).is_some();
            match self.slots.attempt(|slots: Slots| fits.then_some(Slots { depth: slots.depth + 1, ..slots })) {";
        }
        "pressure: the last release rings nobody" => "pressure::a_drain_sees_the_last_release" {
            "pressure/admit.rs", "Freed::Drained => self.drained.ring(),", "Freed::Drained => {}";
        }
        "pressure: who gives a slot up looks no more" => "pressure_queue::a_slot_handed_to_somebody_who_leaves_goes_on" {
            "pressure/queue.rs", "Freed::Wanted => in_hand = false,", "Freed::Wanted => return,";
        }
        "pressure: who leaves keeps the slot that was handed to it" => "pressure_queue::a_slot_handed_to_somebody_who_leaves_goes_on" {
            "pressure/queue.rs", "        if self.leave() {\n            self.shedder.serve(true);", "        if self.leave() {";
        }
        "pressure: more capacity serves nobody" => "pressure_queue::more_capacity_beside_somebody_who_sits_down_is_not_forgotten" {
            "pressure/admit.rs", "        if waiting > 0 && to > from {\n            self.serve(false);", "        if waiting > 0 && to > from {";
        }
        "pressure: a closing rings at no seat" => "pressure_queue::a_closing_beside_somebody_who_sits_down_sends_it_home" {
            "pressure/queue.rs", "            queue.seats.iter().for_each(|seat| seat.waker.wake());\n", "            let _ = queue;\n";
        }
        "pressure: a window is worked out by all who come after its end" => "pressure_adaptive::one_thread_works_a_window_out_and_no_sample_is_lost" {
            "pressure/adapt/mod.rs",
            "        if !self.ends.replace(ends, TAKEN) {\n            return None;\n        }\n",
            "";
        }
        "pressure: every call tells of its own congestion" => "pressure_adaptive::one_congestion_event_is_one_decrease_however_many_tell_of_it" {
            "pressure/adapt/mod.rs", "let answered = last > 0 && began <= last && last.saturating_sub(now) <= self.longest_window();", "let answered = false;";
        }
        "pressure: a window's verdict holds whatever happened since" => "pressure_adaptive::a_windows_verdict_does_not_undo_a_decrease" {
            "pressure/form.rs", "if from == capacity {", "if from > 0 {";
        }
    }
}

/// The last good value: one flight for all who ask, and a table without locks.
fn fallback() -> Vec<Weakening> {
    weakenings! {
        "fallback: whoever looks while nobody leads sets off" => "fallback_flight::three_who_want_one_thing_at_once_make_one_call" {
            "fallback/flight.rs",
            "self.state.replace(OPEN, FLYING)",
            "let open = self.state.load() == OPEN;\n        open && { let _ = self.state.replace(OPEN, FLYING); true }";
        }
        "fallback: a leader that gives up rings nobody" => "fallback_flight::a_leader_that_gives_up_wedges_nobody" {
            "fallback/flight.rs", "        self.leave(OPEN);\n", "        self.state.replace(FLYING, OPEN);\n";
        }
        "fallback: a leader that gives up leaves the flight flying" => "fallback_flight::a_leader_that_gives_up_wedges_nobody" {
            "fallback/flight.rs", "        self.leave(OPEN);\n", "";
        }
        "fallback: a landing rings before it is written" => "fallback_flight::a_landing_between_the_look_and_the_wait_is_not_missed" {
            "fallback/flight.rs",
            "        self.state.replace(FLYING, next);\n        self.bell.ring();\n",
            "        self.bell.ring();\n        self.state.replace(FLYING, next);\n";
        }
        "fallback: a follower looks, and then listens" => "fallback_flight::a_landing_between_the_look_and_the_wait_is_not_missed" {
            "fallback/flight.rs", "            let rung = self.bell.listen();\n            if self.is_landed() {\n                return self.outcome.get().cloned();", "            if self.is_landed() {\n                return self.outcome.get().cloned();";
            "fallback/flight.rs", "            rung.await;", "            self.bell.listen().await;";
        }
        "fallback: a landing releases nothing" => "fallback_flight::a_failure_is_told_to_all_and_none_asks_again" {
            "cell.rs",
            "self.0.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
            "self.0.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()";
        }
        "fallback: a reader of the table passes no fence" => "fallback_table::a_reader_gets_all_of_one_writing_or_nothing" {
            "cell.rs", "        fence(Ordering::Acquire);\n", "";
        }
        "fallback: a writer of the table passes no fence" => "fallback_table::a_reader_gets_all_of_one_writing_or_nothing" {
            "cell.rs", "        fence(Ordering::Release);\n", "";
        }
        "fallback: a reader does not look again" => "fallback_table::a_reader_gets_all_of_one_writing_or_nothing" {
            "cell.rs", "(self.version.load(Ordering::Relaxed) == version).then_some(", "true.then_some(";
        }
        "fallback: a reader takes words that are being written" => "fallback_table::a_reader_gets_all_of_one_writing_or_nothing" {
            "cell.rs", "if version % 2 == 1 {", "if version == u64::MAX {";
        }
        "fallback: the end of a writing releases nothing" => "fallback_table::a_reader_gets_all_of_one_writing_or_nothing" {
            "cell.rs",
            "self.version.store(odd.wrapping_add(1), Ordering::Release);",
            "self.version.store(odd.wrapping_add(1), Ordering::Relaxed);";
        }
        "fallback: a reader's first look acquires nothing" => "fallback_table::a_reader_gets_all_of_one_writing_or_nothing" {
            "cell.rs", "let version = self.version.load(Ordering::Acquire);", "let version = self.version.load(Ordering::Relaxed);";
        }
        "fallback: two write one slot at once" => "fallback_table::no_word_of_a_value_that_was_replaced_comes_back" {
            "cell.rs", "        if claimed.is_err() {\n            return false;\n        }\n", "        let _ = claimed;\n";
        }
    }
}

/// The retry budget: one word, and the instant that is read behind it.
fn budget() -> Vec<Weakening> {
    weakenings! {
        "budget: a store instead of the swap" => "retry_budget::no_more_is_granted_than_there_is_and_nothing_is_lost" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next.encode(), Ordering::AcqRel, Ordering::Acquire) {",
            "self.0.store(next.encode(), Ordering::Release);\n match Ok::<u64, u64>(seen) {";
        }
        "budget: a deposit is stored" => "retry_budget::no_more_is_granted_than_there_is_and_nothing_is_lost" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {",
            "self.0.store(next, Ordering::Release);\n match Ok::<u64, u64>(seen) {";
        }
        "budget: the check is outside the swap" => "retry_budget::no_more_is_granted_than_there_is_and_nothing_is_lost" {
            "retry/budget/mod.rs",
            "let rule = |spent: Spent| spent.without_token(self.latest(), &self.told);",
            "let outside: Spent = self.word.view();
            let fits = outside.without_token(self.latest(), &self.told).is_some();
            let rule = |spent: Spent| fits.then(|| spent.without_token(self.latest(), &self.told).unwrap_or(spent));";
        }
        "budget: a retry reads the latest instant before the word" => "retry_budget::time_is_credited_once_whatever_instants_they_come_with" {
            "retry/budget/mod.rs",
            "let rule = |spent: Spent| spent.without_token(self.latest(), &self.told);",
            "let latest = self.latest();
            let rule = |spent: Spent| spent.without_token(latest, &self.told);";
        }
        "budget: a deposit reads the latest instant before the word" => "retry_budget::a_deposit_at_a_delayed_instant_brings_no_time" {
            "retry/budget/mod.rs",
            "self.word.apply(|spent: Spent| (spent.with_deposit(self.latest(), &self.told), ()));",
            "let latest = self.latest();
            self.word.apply(|spent: Spent| (spent.with_deposit(latest, &self.told), ()));";
        }
        "budget: an instant is not raised before the swap" => "retry_budget::time_is_credited_once_whatever_instants_they_come_with" {
            "retry/budget/mod.rs", "if now.as_nanos() > self.latest.get() {", "if false {";
            "retry/budget/mod.rs",
            "let rule = |spent: Spent| spent.without_token(self.latest(), &self.told);",
            "let rule = |spent: Spent| spent.without_token(self.latest().max(now.as_nanos()), &self.told);";
        }
        "budget: the latest instant is set and not raised" => "retry_budget::time_is_credited_once_whatever_instants_they_come_with" {
            "retry/budget/mod.rs", "self.latest.raise(now.as_nanos());", "self.latest.set(now.as_nanos());";
        }
        "budget: the swap publishes nothing" => "retry_budget::time_is_credited_once_whatever_instants_they_come_with" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next.encode(), Ordering::AcqRel, Ordering::Acquire) {",
            "match self.0.compare_exchange_weak(seen, next.encode(), Ordering::Acquire, Ordering::Acquire) {";
        }
        "budget: the word is read relaxed" => "retry_budget::time_is_credited_once_whatever_instants_they_come_with" {
            "cell.rs", "self.0.load(Ordering::Acquire)", "self.0.load(Ordering::Relaxed)";
        }
        "budget: a lost swap looks relaxed" => "retry_budget::time_is_credited_once_whatever_instants_they_come_with" {
            "cell.rs",
            "match self.0.compare_exchange_weak(seen, next.encode(), Ordering::AcqRel, Ordering::Acquire) {",
            "match self.0.compare_exchange_weak(seen, next.encode(), Ordering::AcqRel, Ordering::Relaxed) {";
        }
        "budget: who is let through in shadow is not counted" => "retry_budget::in_shadow_somebody_without_a_token_is_let_through_and_counted" {
            "retry/budget/mod.rs", "let refused = self.refused.add_shared();", "if self.is_shadow() { return Ok(()); }\n let refused = self.refused.add_shared();";
        }
    }
}

/// Weaker, and yet no execution can show it. A model that fails here shows that the reason beside it was wrong.
pub fn harmless() -> Vec<Weakening> {
    weakenings! {
        // Each of the three words carries its own stamp, and a reader wants all three: in whatever order they come,
        // it knows either all of one state or nothing.
        "`mark` is published first" => "instants::a_wait_that_is_told_comes_with_the_opening_it_belongs_to" {
            "breaker/instants.rs",
            "[(&self.opened, known.opened), (&self.first, known.first), (&self.mark, known.mark)]",
            "[(&self.mark, known.mark), (&self.opened, known.opened), (&self.first, known.first)]";
        }
        // Nothing is published through a count. Who must see it has met the counting thread elsewhere: at a mark that
        // it set afterwards, at the fence, at a number handed over, at its end.
        "an owned count is stored relaxed (count)" => "window_by_count::two_failures_at_once_are_both_counted" {
            "cell.rs", "self.0.store(next.encode(), Ordering::Release);", "self.0.store(next.encode(), Ordering::Relaxed);";
        }
        "an owned count is stored relaxed (time)" => "window_by_time::a_rate_is_never_taken_for_higher_than_it_is" {
            "cell.rs", "self.0.store(next.encode(), Ordering::Release);", "self.0.store(next.encode(), Ordering::Relaxed);";
        }
    }
}
