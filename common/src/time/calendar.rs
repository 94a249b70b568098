//! The one form of a moment that is written and read once for every sale, without asking for memory:
//! `2026-01-31T12:00:00.000000Z`, in the proleptic Gregorian calendar.

/// Years begin in March here, so that the leap day is their last; an era is 400 of them.
const ERA_DAYS: i64 = 146_097;
/// From the first day of the first era to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
const DAY_SECONDS: i64 = 86_400;
const SECOND_MICROS: i64 = 1_000_000;
/// Where the digits stand, and what stands between them.
const FORM: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";

/// A moment in microseconds since 1970, written; nothing outside of the years 0…9999.
pub(super) fn write(micros: i64) -> Option<[u8; 27]> {
    let (seconds, micros) = (micros.div_euclid(SECOND_MICROS), micros.rem_euclid(SECOND_MICROS));
    let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let (era, day_of_era) = (
        (days + EPOCH_DAYS).div_euclid(ERA_DAYS),
        (days + EPOCH_DAYS).rem_euclid(ERA_DAYS),
    );
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, into_next) = if month_from_march < 10 {
        (month_from_march + 3, 0)
    } else {
        (month_from_march - 9, 1)
    };
    let year = year_of_era + era * 400 + into_next;
    if !(0..=9_999).contains(&year) {
        return None;
    }
    let mut text = *FORM;
    for (end, width, number) in [
        (4, 4, year),
        (7, 2, month),
        (10, 2, day),
        (13, 2, second / 3_600),
        (16, 2, second / 60 % 60),
        (19, 2, second % 60),
        (26, 6, micros),
    ] {
        let mut rest = number;
        for digit in text.get_mut(end - width..end)?.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).ok()?;
            rest /= 10;
        }
    }
    Some(text)
}

/// The moment that a text is; nothing where it is none, or has another form.
pub(super) fn read(text: &[u8; 27]) -> Option<i64> {
    let is_formed = text.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        between => byte == between,
    });
    if !is_formed {
        return None;
    }
    let number = |start: usize, end: usize| {
        let digits = text.get(start..end).unwrap_or_default();
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    if !(1..=days_of(year, month)?).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (year, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * ERA_DAYS + day_of_era - EPOCH_DAYS;
    let seconds = days * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
    Some(seconds * SECOND_MICROS + number(20, 26))
}

fn days_of(year: i64, month: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => Some(if is_leap { 29 } else { 28 }),
        4 | 6 | 9 | 11 => Some(30),
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        _ => None,
    }
}
