//! The books that a query finds among titles in many scripts. `cargo test -p backend scripts -- --nocapture` prints the table.

use super::*;

const BOOKS: [(u64, &str, &str, &str); 41] = [
    // Latin
    (1, "Les Misérables", "Victor Hugo", "romans"),
    (2, "Łódź, miasto włókniarzy", "", "historia"),
    (3, "Smørrebrød", "Søren Ørsted", "kogebøger"),
    (4, "Programming Perl", "Tim O’Reilly", "computers"),
    (5, "L’Étranger", "Albert Camus", "Économie du style"),
    (6, "Cafe\u{301} Européen", "", "économie du style"),
    (7, "Truyện Kiều", "Nguyễn Du", "thơ"),
    // German
    (8, "Die Straße der Ölsardinen", "John Steinbeck", "Romane"),
    (9, "DIE GROẞE FUSSBALLFIBEL", "Jürgen Groß", "Sport"),
    // Turkish
    (10, "İstanbul Hatırası", "Ahmet Ümit", "polisiye"),
    (11, "ISPARTA’NIN GÜLLERİ", "", "ŞİİR"),
    // Greek
    (12, "Ὀδύσσεια", "Ὅμηρος", "έπος"),
    (13, "Ο ΜΕΓΑΣ ΑΛΕΞΑΝΔΡΟΣ", "Νίκος Καζαντζάκης", "ιστορία"),
    // Cyrillic
    (14, "Война и мир", "Лев Толстой", "романы"),
    (15, "Зелёная миля", "Стивен Кинг", "романы"),
    (16, "Мо\u{438}\u{306} е\u{308}жик", "", "дети"),
    // Hebrew
    (17, "שִׁיר הַשִּׁירִים", "", "תנ״ך"),
    (18, "סיפור על אהבה וחושך", "עמוס עוז", "רומנים"),
    (19, "ג׳ירפה קטנה", "", "ילדים"),
    // Arabic
    (20, "أَلْفُ لَيْلَةٍ وَلَيْلَة", "", "حكايات"),
    (21, "ﻛﺘﺎﺏ ﺍﻟﺤﻴﻮﺍﻥ", "الجاحظ", "أدب"),
    (22, "الأيـــام", "طه حسين", "سيرة"),
    // Devanagari
    (23, "गोदान", "प्रेमचंद", "उपन्यास"),
    (24, "फ़िल्मी क़िस्से", "", "सिनेमा"),
    (25, "हिन्दी की किताब", "", "भाषा"),
    // Thai
    (26, "สี่แผ่นดิน", "ม.ร.ว. คึกฤทธิ์ ปราโมช", "นวนิยาย"),
    (27, "แฮร์รี่ พอตเตอร์กับศิลาอาถรรพ์", "", "แฟนตาซี"),
    // Chinese
    (28, "戰爭與和平", "托爾斯泰", "小說"),
    (29, "红楼梦", "曹雪芹", "小说"),
    (30, "Java入門2001", "", "電腦"),
    // Japanese
    (31, "ﾉﾙｳｪｲの森", "村上春樹", "小説"),
    (32, "吾輩は猫である", "夏目漱石", "小説"),
    (33, "パパの本", "", "絵本"),
    (34, "ハハの日", "", "絵本"),
    // Korean
    (35, "데이터베이스 입문", "김철수", "컴퓨터"),
    (
        36,
        "\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}\u{110B}\u{1165} 문법",
        "이영희",
        "언어",
    ),
    // Signs and forms
    (37, "C Programming", "", "computers"),
    (38, "The C++ Programming Language", "Bjarne Stroustrup", "computers"),
    (39, "C# in Depth", "Jon Skeet", "computers"),
    (40, "Pro ASP.NET", "", "computers"),
    (41, "Ｌｅａｒｎｉｎｇ ．ＮＥＴ ﬁrst", "", "computers"),
];

const QUERIES: &[(&str, &[u64])] = &[
    // Latin
    ("miserables", &[1]),
    ("MISE\u{301}R", &[1]),
    ("lodz", &[2]),
    ("Wlokniarzy", &[2]),
    ("soren orsted", &[3]),
    ("smørrebrod", &[3]),
    ("oreilly", &[4]),
    ("O'Reilly", &[4]),
    ("reilly perl", &[4]),
    ("etranger", &[5]),
    ("l'étranger", &[5]),
    ("CAFÉ", &[6]),
    ("economie", &[5, 6]),
    ("truyen nguyen", &[7]),
    // German
    ("strasse", &[8]),
    ("STRAẞE ölsardinen", &[8]),
    ("große", &[9]),
    ("gross fußball", &[9]),
    // Turkish
    ("istanbul", &[10]),
    ("İSTANBUL hatirasi", &[10]),
    ("ısparta", &[11]),
    ("ispartanin gulleri", &[11]),
    ("şiir", &[11]),
    // Greek
    ("οδυσσεια", &[12]),
    ("ΟΜΗΡΟΣ", &[12]),
    ("ομηρος", &[12]),
    ("Αλέξανδρος", &[13]),
    ("νικος καζ", &[13]),
    // Cyrillic
    ("ВОЙНА", &[14]),
    ("воина", &[14]),
    ("зеленая", &[15]),
    ("Мой ёжик", &[16]),
    ("ежик", &[16]),
    // Hebrew
    ("שיר השירים", &[17]),
    ("אהבה עוז", &[18]),
    ("ג'ירפה", &[19]),
    // Arabic
    ("ألف ليلة", &[20]),
    ("الف", &[20]),
    ("كتاب الحيوان", &[21]),
    ("الايام", &[22]),
    // Devanagari
    ("गोदान", &[23]),
    ("प्रेम", &[23]),
    ("फिल्मी किस्से", &[24]),
    ("हिन्दी", &[25]),
    ("हन्दी", &[]),
    // Thai
    ("แผ่นดิน", &[26]),
    ("สี่", &[26]),
    ("ศิลาอาถรรพ์", &[27]),
    ("พอตเตอร์", &[27]),
    // Chinese
    ("和平", &[28]),
    ("戰", &[28]),
    ("平", &[28]),
    ("红楼梦", &[29]),
    ("楼红", &[]),
    ("java 入門", &[30]),
    ("小", &[28, 29, 31, 32]),
    // Japanese
    ("ノルウェイ", &[31]),
    ("ﾉﾙｳｪｲの森", &[31]),
    ("森", &[31]),
    ("猫", &[32]),
    ("夏目", &[32]),
    ("ﾊﾟﾊﾟ", &[33]),
    ("はは", &[]),
    ("ハハ", &[34]),
    // Korean
    ("데이터", &[35]),
    ("베이스", &[35]),
    ("한국어", &[36]),
    ("하", &[36]),
    ("\u{1106}\u{116E}\u{11AB}\u{1107}\u{1165}\u{11B8}", &[36]),
    // Signs and forms
    ("c++", &[38]),
    ("c#", &[39]),
    ("c", &[37, 38, 39, 6, 5, 4, 40, 41]),
    (".net", &[40, 41]),
    ("asp.net", &[40]),
    ("net", &[40, 41]),
    ("learning first", &[41]),
    ("ＰＲＯ", &[40, 4, 37, 38]),
];

#[test]
fn queries_in_ten_scripts_find_the_expected_books() {
    let index = SearchIndex::new(
        BOOKS
            .map(|(number, title, author, topic)| book(number, title, author, topic))
            .into(),
    );
    let mut differences = Vec::new();
    for (query, expected) in QUERIES {
        let found = items(&index.find_words(query, None, 50).books);
        let titles: Vec<_> = found
            .iter()
            .map(|&found| index.get(item(found)).unwrap().1.title.as_str())
            .collect();
        println!("{query} → {}", titles.join(" · "));
        if found != *expected {
            differences.push(format!("{query:?}: found {found:?}, expected {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
