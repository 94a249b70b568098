//! The headless autopilot against a shop in memory with a configurable fault.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testing::Process;

use crate::front_end::{FrontEnd, Reply, WAIT_TIMEOUT, bookstore, command, exit_and_output, serve_all, spawn};
use crate::screen::Home;
use crate::test_shop::{Fault, Shop, problem, shop};

fn run(store: &FrontEnd, arguments: &str) -> (i32, Value) {
    let (exit, out, err) = exit_and_output(&store.bookstore(&format!("autopilot --headless --json {arguments}")));
    assert_eq!(out.lines().count(), 1, "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_follows_schema(&report);
    (exit, report)
}

/// Every report in these tests follows the published schema.
fn assert_follows_schema(report: &Value) {
    let schema = serde_json::from_str(include_str!("../../../docs/autopilot-report.schema.json")).unwrap();
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(report)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_run_that_sells_out_is_reported_as_the_contract_says() {
    let store = shop(20, Fault::None);
    let (exit, report) = run(&store, "--seed 1 --shoppers 4 --requests 600 --token secret");
    assert_eq!(exit, 0);
    assert_eq!(report["outcomes"]["sold"], 40);
    assert_eq!(report["requests"], 600);
    assert!(report["outcomes"]["sold_out"].as_u64().unwrap() > 0);
    assert_eq!(
        report["stock"][0],
        json!({"item": 1, "start": 20, "sold": 20, "restocked": 0, "end": 0})
    );
    let audit = &report["audit"];
    assert_eq!((&audit["verdict"], &audit["skipped"]), (&json!("clean"), &json!([])));
    // Two entries set the stock: this shop does not send the ledger head with its books.
    assert_eq!((&audit["violations"], &audit["others"]), (&json!([]), &json!(2)));
    // The audit makes one check for each sale and, at the end, one for each book.
    assert_eq!(
        (
            &audit["checks"]["acknowledged_sales"],
            &audit["checks"]["stock_adds_up"]
        ),
        (&json!(40), &json!(42))
    );
    let mut shape = report;
    blank(&mut shape);
    insta::assert_snapshot!(serde_json::to_string_pretty(&shape).unwrap());
}

/// Replaces numbers by 0, because measurements differ between runs.
fn blank(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(blank),
        Value::Array(values) => values.iter_mut().for_each(blank),
        Value::Number(_) => *value = json!(0),
        _ => {}
    }
}

#[test]
fn without_the_token_the_verdict_is_incomplete_and_names_the_skipped_checks() {
    for token in ["", "--token wrong"] {
        let (exit, report) = run(&shop(5, Fault::None), &format!("--requests 50 {token}"));
        assert_eq!(exit, 0);
        assert_eq!(report["audit"]["verdict"], "incomplete");
        let skipped = report["audit"]["skipped"].as_array().unwrap();
        assert!(skipped.contains(&json!("acknowledged_sales")) && skipped.contains(&json!("stock_adds_up")));
        assert!(report["audit"]["checks"]["one_answer_per_key"].as_u64().unwrap() > 0);
    }
}

#[test]
fn a_store_with_wrong_data_is_a_violation() {
    for (fault, check, words) in [
        (
            Fault::ForgetsSales,
            "acknowledged_sales",
            "was acknowledged, but is not in the ledger as entry",
        ),
        (Fault::MiscountsStock, "stock_adds_up", "but the stock is"),
        (
            Fault::WrongQuantity,
            "acknowledged_sales",
            "is not what was acknowledged",
        ),
    ] {
        let (exit, report) = run(&shop(50, fault), "--seed 1 --requests 100 --token secret");
        assert_eq!((exit, &report["audit"]["verdict"]), (4, &json!("violated")));
        let violations = report["audit"]["violations"].as_array().unwrap();
        assert!(
            violations
                .iter()
                .any(|found| found["check"] == check && found["detail"].as_str().unwrap().contains(words)),
            "{violations:?}"
        );
    }
}

#[test]
fn baskets_are_bought_whole_and_reported() {
    let store = shop(30, Fault::None);
    let (exit, report) = run(
        &store,
        "--seed 1 --requests 300 --basket 1..5 --quantity 2 --token secret",
    );
    assert_eq!((exit, &report["audit"]["verdict"]), (0, &json!("clean")), "{report:#}");
    assert_eq!(report["workload"]["basket"], "1..5");
    // The shop has two books, so that a basket of 2 to 5 has two lines.
    let baskets = &report["baskets"];
    let lines_per_order = baskets["lines_per_order"].as_f64().unwrap();
    assert!((1.6..2.0).contains(&lines_per_order), "{baskets}");
    assert!(report["outcomes"]["sold_out"].as_u64().unwrap() > baskets["refused_for_one_line"].as_u64().unwrap());
    assert!(
        report["audit"]["checks"]["orders_whole"].as_u64().unwrap() > 0,
        "{report:#}"
    );
    for line in report["stock"].as_array().unwrap() {
        assert_eq!(
            line["start"].as_u64().unwrap() - line["sold"].as_u64().unwrap(),
            line["end"],
            "{line}"
        );
    }
    let bodies = store
        .requests()
        .into_iter()
        .filter(|request| request.line == "POST /buy");
    let (single, several): (Vec<_>, Vec<_>) = bodies
        .map(|request| serde_json::from_str::<Value>(&request.body).unwrap())
        .partition(|body| body["item"].is_u64());
    assert!(!single.is_empty() && several.iter().all(|body| body["lines"].as_array().unwrap().len() == 2));
}

#[test]
fn an_order_refused_for_one_short_line_is_counted() {
    let mut shop = Shop::new("A Book", 1_000, Fault::None);
    shop.set_stock(2, 0);
    let (_, report) = run(
        &shop.serve(),
        "--seed 1 --requests 100 --basket 2 --mix 0:0:1 --token secret",
    );
    assert_eq!(report["outcomes"]["sold_out"], 100);
    let expected = json!({"lines": 200, "lines_per_order": 2.0, "refused_for_one_line": 100});
    assert_eq!(report["baskets"], expected);
}

#[test]
fn a_basket_of_which_a_part_is_wrong_is_a_violation_that_names_the_order() {
    for (fault, words) in [
        (Fault::ForgetsLines, "but was acknowledged as line 1 of 2"),
        (Fault::WrongTotal, "the receipt states a total of 5.01 instead of 5.00"),
    ] {
        let (exit, report) = run(&shop(50, fault), "--seed 1 --requests 60 --basket 2 --token secret");
        assert_eq!((exit, &report["audit"]["verdict"]), (4, &json!("violated")));
        let violations = report["audit"]["violations"].as_array().unwrap();
        let of_order = |found: &&Value| {
            let detail = found["detail"].as_str().unwrap();
            found["check"] == "orders_whole" && detail.contains(words) && detail.contains("order 0")
        };
        assert!(violations.iter().any(|found| of_order(&found)), "{violations:#?}");
    }
}

#[test]
fn an_order_whose_answer_is_lost_is_sent_again_with_the_same_key() {
    let (exit, report) = run(&shop(50, Fault::LosesAnswers), "--seed 1 --requests 200 --token secret");
    assert_eq!(exit, 0);
    assert_eq!(report["outcomes"]["unknown"], 0);
    assert_eq!(report["audit"]["verdict"], "clean");
    let asked_and_sold = &report["operations"]["buy"];
    assert_eq!(asked_and_sold["ok"], report["outcomes"]["sold"]);
}

#[test]
fn the_plan_does_not_depend_on_answers_and_requests_are_its_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let mut plans = Vec::new();
    for (name, stock, basket) in [
        ("full", 1_000, "1"),
        ("empty", 0, "1"),
        ("full", 1_000, "1..2"),
        ("empty", 0, "1..2"),
    ] {
        let path = folder.path().join(name);
        let store = shop(stock, Fault::None);
        let arguments = format!("--seed 7 --requests 60 --basket {basket} --plan {}", path.display());
        run(&store, &arguments);
        let plan = std::fs::read_to_string(&path).unwrap();
        let mut sent = store.requests();
        sent.retain(|request| request.line != "GET /events");
        // The first three requests check the store and read its books; those after the plan belong to the audit.
        let sent = &sent[3..63];
        for (line, sent) in plan.lines().zip(sent) {
            let mut planned: Value = serde_json::from_str(line).unwrap();
            let expected = match planned["operation"].as_str().unwrap() {
                "search" => "GET /search?topic=all&limit=50".to_owned(),
                "lookup" => format!("GET /search?item={}", planned["item"]),
                _ => "POST /buy".to_owned(),
            };
            assert_eq!(sent.line, expected);
            if expected == "POST /buy" {
                let fields = planned.as_object_mut().unwrap();
                fields.retain(|name, _| ["item", "quantity", "lines"].contains(&name.as_str()));
                assert_eq!(serde_json::from_str::<Value>(&sent.body).unwrap(), planned);
            }
        }
        plans.push(plan);
    }
    assert_eq!(plans[0].lines().count(), 10_000);
    assert_eq!((&plans[0], &plans[2]), (&plans[1], &plans[3]));
    assert_ne!(plans[0], plans[2]);
}

#[test]
fn an_interrupted_run_prints_its_summary() {
    let store = shop(5, Fault::None);
    let program = spawn(&format!("--url {} autopilot --headless --seed 3", store.url()));
    store.wait_for_requests(50);
    kill_process(Pid::from_child(&program), Signal::INT).unwrap();
    let (exit, out, err) = exit_and_output(&program.wait_with_output().unwrap());
    assert_eq!(exit, 130);
    assert!(out.contains("seed 3") && out.contains("audit: incomplete"), "{out}");
    assert!(err.contains("seed 3"), "{err}");
}

#[test]
fn without_an_address_a_run_has_a_store_of_its_own_that_is_removed() {
    let home = Home::new();
    // The autopilot must not buy at the address of the configuration file.
    home.configure("url = \"http://127.0.0.1:9\"");
    let temporary = tempfile::tempdir().unwrap();
    let mut command = home.command("autopilot --headless --json --requests 50");
    let run = command.env("TMPDIR", temporary.path()).output().unwrap();
    let (exit, out, err) = exit_and_output(&run);
    assert_eq!(exit, 0, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["requests"], &report["audit"]["verdict"]),
        (&json!(50), &json!("clean"))
    );
    assert_eq!(report["stock"].as_array().unwrap().len(), 4);
    assert!(!home.store().exists(), "the user's own store is not touched");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{err}");
    let (exit, out, err) =
        exit_and_output(&home.bookstore("autopilot --headless --own-store --requests 50 --mix 0:0:1"));
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("sold 50") && home.store().exists(), "{out}");
}

#[test]
fn in_an_open_loop_operations_that_were_due_and_never_begun_count() {
    let shop = Mutex::new(Shop::new("A Book", 50, Fault::None));
    // After 20 requests no lookup is answered, so that the only shopper waits until the end of the run.
    let store =
        FrontEnd::new(
            move |before, request| match request.line.starts_with("GET /search?item=") && before > 20 {
                true => Reply::OpenStream(String::new()),
                false => shop.lock().unwrap().answer(request),
            },
        );
    let folder = tempfile::tempdir().unwrap();
    let html = folder.path().join("report.html");
    let (exit, report) = run(
        &store,
        &format!(
            "--seed 1 --rate 100 --shoppers 1 --duration 2s --mix 0:1:0 --html {}",
            html.display()
        ),
    );
    assert_eq!(exit, 0);
    let schedule = &report["schedule"];
    let number = |name: &str| schedule[name].as_u64().unwrap();
    // The count may differ by one, because the last operation is due at the end.
    assert!((195..=215).contains(&number("due")), "{schedule}");
    assert_eq!(number("begun") + number("not_begun"), number("due"));
    assert!(
        number("begun") < 30 && number("oldest_unfinished_us") > 1_000_000,
        "{schedule}"
    );
    let latency = &report["operations"]["lookup"]["latency_us"];
    // Nine of ten operations are unfinished; their ages are evenly distributed.
    assert!(latency["p50"].as_u64().unwrap() > 500_000, "{latency}");
    assert!(latency["max"].as_u64().unwrap() > 1_500_000, "{latency}");
    assert!(std::fs::read_to_string(html).unwrap().contains("not begun"));
}

#[test]
fn a_paused_store_makes_an_open_loop_slower_in_every_form_of_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let services = Process::start(&mut serve_all(&folder.path().join("shop"), "127.0.0.1:0"), 3).unwrap();
    let run = |pause: bool| {
        // A new file, because lines of an earlier run would end the waits.
        let csv = folder.path().join(format!("series-{pause}.csv"));
        let program = spawn(&format!(
            "--url {} autopilot --headless --seed 1 --rate 100 --shoppers 4 --duration 3s --mix 0:0:1 --csv {}",
            services.url("frontend"),
            csv.display()
        ));
        if pause {
            // The store is paused for about the last third of the run.
            wait_for_lines(&csv, 3);
            services.signal(Signal::STOP);
            // The audit needs the store.
            wait_for_lines(&csv, 4);
            services.signal(Signal::CONT);
        }
        let (exit, text, err) = exit_and_output(&program.wait_with_output().unwrap());
        assert_eq!(exit, 0, "{err}");
        (text, std::fs::read_to_string(csv).unwrap())
    };
    let (text, csv) = run(false);
    assert!(
        csv.starts_with("second,requests,sold,failed,p50_us,p95_us,p99_us,due,begun,not_begun,"),
        "{csv}"
    );
    assert!(text.contains("due ") && text.contains("not begun "), "{text}");
    let (text, csv) = run(true);
    assert!(!text.contains("not begun 0 "), "{text}");
    let last: Vec<u64> = csv
        .lines()
        .last()
        .unwrap()
        .split(',')
        .map(|field| field.parse().unwrap())
        .collect();
    assert!(last[9] > 0 && last[10] > 100_000, "{csv}");
}

#[test]
fn a_run_whose_terminal_is_closed_writes_its_reports() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::TERM, 143), (Signal::QUIT, 131)] {
        let folder = tempfile::tempdir().unwrap();
        let (csv, html) = (folder.path().join("series.csv"), folder.path().join("report.html"));
        let store = shop(1_000_000, Fault::None);
        let mut program = spawn(&format!(
            "--url {} autopilot --headless --think 1ms --csv {} --html {}",
            store.url(),
            csv.display(),
            html.display()
        ));
        wait_for_lines(&csv, 2);
        // The reader of the output is closed, as when the terminal closes.
        drop((program.stdout.take(), program.stderr.take()));
        kill_process(Pid::from_child(&program), signal).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(code));
        let page = std::fs::read_to_string(html).unwrap();
        assert!(page.trim_end().ends_with("</html>"), "{signal:?}");
        assert!(std::fs::read_to_string(csv).unwrap().ends_with('\n'));
    }
}

#[test]
fn a_report_that_cannot_be_printed_or_written_does_not_prevent_the_other_report() {
    let folder = tempfile::tempdir().unwrap();
    let html = folder.path().join("report.html");
    let store = shop(5, Fault::None);
    let arguments = format!("--url {} autopilot --headless --requests 20", store.url());
    for json in ["", "--json"] {
        let mut run = command(&format!("{arguments} {json} --html {}", html.display()));
        run.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(exit_and_output(&run.output().unwrap()).0, 3);
        assert!(std::fs::read_to_string(&html).unwrap().contains("</html>"));
        std::fs::remove_file(&html).unwrap();
    }
    let (exit, out, err) = exit_and_output(&bookstore(&format!("{arguments} --html /nonexistent/report.html")));
    assert!(exit == 2 && err.contains("/nonexistent/report.html"), "{err}");
    assert!(out.contains("20 requests in"), "{out}");
}

/// Waits until a growing file has `lines` lines.
fn wait_for_lines(path: &Path, lines: usize) {
    let start = Instant::now();
    while std::fs::read_to_string(path).unwrap_or_default().lines().count() < lines {
        assert!(
            start.elapsed() < WAIT_TIMEOUT,
            "{} has fewer than {lines} lines",
            path.display()
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_run_ends_after_its_duration() {
    let (exit, report) = run(&shop(5, Fault::None), "--duration 200ms --shoppers 2");
    assert_eq!(exit, 0);
    assert!(report["elapsed_s"].as_f64().unwrap() >= 0.2);
    assert_eq!(report["shoppers"], 2);
}

#[test]
fn unavailable_answers_are_counted_and_the_run_continues() {
    let shop = Mutex::new(Shop::new("A Book", 50, Fault::None));
    let store = FrontEnd::new(move |before, request| match before {
        20..26 => Reply::Body(503, problem(503, "unavailable").to_string()),
        _ => shop.lock().unwrap().answer(request),
    });
    let (exit, report) = run(&store, "--seed 1 --requests 60 --token secret");
    assert_eq!(exit, 0);
    assert_eq!(report["outcomes"]["unavailable"], 6);
    assert_eq!(report["audit"]["verdict"], "clean");
}

#[test]
fn the_measured_mix_is_the_declared_mix() {
    let store = shop(500, Fault::None);
    for (mix, name) in [("browsing", "browsing"), ("ordering", "ordering"), ("1:0:3", "custom")] {
        let (exit, report) = run(
            &store,
            &format!("--seed 1 --requests 2000 --shoppers 8 --mix {mix} --popularity zipf --token secret"),
        );
        assert_eq!((exit, &report["mix"]), (0, &json!(name)));
        for verb in ["search", "lookup", "buy"] {
            let share = &report["workload"]["shares"][verb];
            let deviation = share["declared"].as_f64().unwrap() - share["measured"].as_f64().unwrap();
            assert!(deviation.abs() < 0.05, "{mix} {verb}: {share}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the store must pause")]
fn in_an_open_loop_the_latencies_include_the_wait_behind_a_pause() {
    let shop = Mutex::new(Shop::new("A Book", 50, Fault::None));
    // One late answer delays about 30 operations of a shopper at 100 operations per second.
    let store = FrontEnd::new(move |before, request| {
        if before == 20 {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        shop.lock().unwrap().answer(request)
    });
    let (_, report) = run(&store, "--seed 1 --rate 100 --shoppers 1 --requests 100 --mix 0:1:0");
    assert_eq!(report["workload"]["pace"], "open");
    let latency = &report["operations"]["lookup"]["latency_us"];
    assert!(latency["p95"].as_u64().unwrap() > 150_000, "{latency}");
}

#[test]
fn a_warm_up_is_audited_but_not_measured() {
    let (_, report) = run(
        &shop(1_000_000, Fault::None),
        "--seed 1 --warm-up 200ms --ramp 50ms --duration 200ms --shoppers 2 --think 1ms --token secret",
    );
    let sold = report["stock"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["sold"].as_u64().unwrap());
    assert!(sold.sum::<u64>() > report["outcomes"]["sold"].as_u64().unwrap());
    assert_eq!(report["workload"]["warm_up_s"], 0.2);
    assert_eq!(report["audit"]["verdict"], "clean");
}

#[test]
fn the_csv_has_a_line_a_second_and_the_html_report_is_self_contained() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, html) = (folder.path().join("series.csv"), folder.path().join("report.html"));
    let arguments = format!(
        "--duration 1200ms --think 5ms --csv {} --html {}",
        csv.display(),
        html.display()
    );
    run(&shop(50, Fault::None), &arguments);
    let csv = std::fs::read_to_string(csv).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("second,requests,sold,failed,p50_us,p95_us,p99_us"));
    assert!(lines.next().unwrap().starts_with("1,"), "{csv}");
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<polyline") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("an order)"), "only a run with baskets counts lines");
    for outside in ["src=", "href=", "url(", "@import", "http://", "https://"] {
        assert!(!page.contains(outside), "the page loads {outside}");
    }
}

#[test]
fn text_csv_and_html_show_the_lines_of_baskets() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, html) = (folder.path().join("series.csv"), folder.path().join("report.html"));
    let store = shop(1_000_000, Fault::None);
    let arguments = format!(
        "autopilot --headless --basket 2 --mix 0:0:1 --duration 1200ms --think 5ms --csv {} --html {}",
        csv.display(),
        html.display()
    );
    let (exit, text, err) = exit_and_output(&store.bookstore(&arguments));
    assert_eq!(exit, 0, "{err}");
    let words = "(2.00 an order)   orders refused for one short line 0";
    assert!(text.contains(words), "{text}");
    assert!(std::fs::read_to_string(html).unwrap().contains(words));
    let csv = std::fs::read_to_string(csv).unwrap();
    let mut lines = csv.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with(",p99_us,lines_per_order,refused_for_one_line"),
        "{csv}"
    );
    assert!(lines.next().unwrap().ends_with(",2.00,0"), "{csv}");
}

#[test]
fn wrong_usage_is_exit_2_and_prints_the_reason() {
    let store = shop(5, Fault::None);
    // A file cannot be a parent folder.
    let file = tempfile::NamedTempFile::new().unwrap();
    let nowhere = file.path().join("x").display().to_string();
    for (flags, why) in [
        (format!("--plan {nowhere}"), nowhere.as_str()),
        (format!("--csv {nowhere}"), nowhere.as_str()),
        ("--restock 5".to_owned(), "token"),
        ("--faults".to_owned(), "--url"),
    ] {
        let run = store.bookstore(&format!("autopilot --headless --requests 5 {flags}"));
        let (exit, _, err) = exit_and_output(&run);
        assert!(exit == 2 && err.contains(why), "{flags}: {err}");
    }
}

#[test]
fn a_store_with_injected_faults_passes_the_audit() {
    let (exit, out, err) = exit_and_output(&bookstore(
        "autopilot --json --faults --seed 3 --duration 12s --rate 200 --basket 1..3",
    ));
    assert_eq!(exit, 0, "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_follows_schema(&report);
    assert_eq!(report["audit"]["verdict"], "clean");
    assert!(!report["faults"]["events"].as_array().unwrap().is_empty());
    assert!(report["outcomes"]["sold"].as_u64().unwrap() > 0);
}
