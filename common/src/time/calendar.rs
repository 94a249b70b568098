//! The one form of a moment that is written and read once for every sale, without asking for memory:
//! `2026-01-31T12:00:00.000000Z`, in the proleptic Gregorian calendar.

/// Years begin in March here, so that the leap day is their last; an era is 400 of them.
const ERA_DAYS: u32 = 146_097;
/// From the first day of the first era to 1970-01-01.
const EPOCH_DAYS: u32 = 719_468;
const DAY_SECONDS: u64 = 86_400;
const SECOND_MICROS: u64 = 1_000_000;
/// A moment in microseconds since 1970, written; nothing before that, and after the year 9999.
pub(super) fn write(micros: i64) -> Option<[u8; 27]> {
    let micros = u64::try_from(micros).ok()?;
    let (seconds, micros) = (micros / SECOND_MICROS, (micros % SECOND_MICROS) as u32);
    let (days, second) = (
        u32::try_from(seconds / DAY_SECONDS).ok()?,
        (seconds % DAY_SECONDS) as u32,
    );
    let (era, day_of_era) = ((days + EPOCH_DAYS) / ERA_DAYS, (days + EPOCH_DAYS) % ERA_DAYS);
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
    if year > 9_999 {
        return None;
    }
    let [[y1, y2], [y3, y4]] = [pair(year / 100), pair(year % 100)];
    let [[m1, m2], [d1, d2]] = [pair(month), pair(day)];
    let [[h1, h2], [n1, n2], [s1, s2]] = [pair(second / 3_600), pair(second / 60 % 60), pair(second % 60)];
    let [[f1, f2], [f3, f4], [f5, f6]] = [pair(micros / 10_000), pair(micros / 100 % 100), pair(micros % 100)];
    Some([
        y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1, f2, f3, f4, f5,
        f6, b'Z',
    ])
}

/// The digits of a number below a hundred.
fn pair(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// The moment that a text is; nothing where it is none, or has another form.
pub(super) fn read(text: &[u8; 27]) -> Option<i64> {
    #[rustfmt::skip]
    let [
        y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
        b'.', f1, f2, f3, f4, f5, f6, b'Z',
    ] = *text else {
        return None;
    };
    let (year, month, day) = (number([y1, y2, y3, y4])?, number([m1, m2])?, number([d1, d2])?);
    let (hour, minute, second) = (number([h1, h2])?, number([n1, n2])?, number([s1, s2])?);
    let micros = number([f1, f2, f3, f4, f5, f6])?;
    if year < 1_970 || !(1..=days_of(year, month)?).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (year, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * ERA_DAYS + day_of_era - EPOCH_DAYS;
    let seconds = u64::from(days) * DAY_SECONDS + u64::from(hour * 3_600 + minute * 60 + second);
    i64::try_from(seconds * SECOND_MICROS + u64::from(micros)).ok()
}

fn number<const DIGITS: usize>(digits: [u8; DIGITS]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
    })
}

fn days_of(year: u32, month: u32) -> Option<u32> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => Some(if is_leap { 29 } else { 28 }),
        4 | 6 | 9 | 11 => Some(30),
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        _ => None,
    }
}
