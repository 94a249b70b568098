# shellcheck shell=bash
# Sourced by `pictures` and `demo`: services over a fresh store with the classics, with a separate home folder.
# BIN names the folder of the executables.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$(cd "${BIN:-$root/target/release}" && pwd)
work=$(mktemp -d)
export HOME=$work XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config LC_ALL=C.UTF-8
unset BOOKSTORE_URL BOOKSTORE_ADMIN_TOKEN NO_COLOR TMUX
services=

# Starts the services and sets $url.
serve() {
    stop_services
    rm -rf "$work/store" "$work/data" "$work/others"
    : >"$work/listening"
    "$bin/bookstored" all --store "csv:$work/store" --books "$root/data/classics.csv" --listen 127.0.0.1:0 \
        --catalog-listen 127.0.0.1:0 --order-listen 127.0.0.1:0 >"$work/listening" 2>"$work/log" &
    services=$!
    until url=$(grep -oP 'listening frontend \K\S+' "$work/listening"); do sleep 0.1; done
}

stop_services() {
    [ -n "$services" ] || return 0
    kill "$services" 2>/dev/null || true
    wait "$services" || true
    services=
}

# Buys as another customer, whose orders do not appear on the screen.
buy() { XDG_DATA_HOME=$work/others "$bin/bookstore" --url "$url" buy "$@" >/dev/null 2>&1; } # ITEM [ARGUMENT…]
