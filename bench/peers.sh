# The peers that `make bench` runs beside Pli: read by bench/run, whose helpers it uses.  Each gets a folder below $W, a port of its own, the
# settings in bench/peers/ (printed once), and is stopped by its process id.  Debian's Postfix, Dovecot and nginx are installed by
# `tools/deps bench`; Exim excludes Postfix and is only unpacked.

CERT=$W/cert

peers_certificate() {
	mkdir -p "$CERT"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost' -keyout "$CERT/key.pem" -out "$CERT/cert.pem" 2>/dev/null || die 'no certificate'
	chmod 755 "$W" "$CERT"
	chmod 644 "$CERT/key.pem"
}

# settings TEMPLATE FOLDER PORT [TRANSPORT]: on standard output
settings() {
	sed -e "s|@W@|$2|g" -e "s|@CERT@|$CERT|g" -e "s|@PORT@|$3|g" -e "s|@TRANSPORT@|${4:-}|g" "bench/peers/$1"
}
show_settings() { # NAME FILE
	say "settings of $1:"
	sed 's/^/bench:   /' "$2" >&2
}

await_port() { # NAME PORT
	for _ in $(seq 400); do
		(exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null && return
		sleep 0.05
	done
	die "$1 does not serve"
}

peer() { # sets `talk` for a peer on PORT
	talk=(--server "localhost:$1" --ca "$CERT/cert.pem")
}

# postfix NAME TRANSPORT: a Postfix of its own; sets ${NAME}_port
postfix_start() {
	local name=$1 dir=$W/$1 etc=$W/$1/etc
	mkdir -p "$etc" "$dir/queue" "$dir/data"
	chown postfix "$dir/data"
	free_port
	settings postfix.main.cf "$dir" "$port" "$2" >"$etc/main.cf"
	settings postfix.master.cf "$dir" "$port" >"$etc/master.cf"
	show_settings "$name" "$etc/main.cf"
	postfix -c "$etc" check >"$dir/check.log" 2>&1 || { cat "$dir/check.log" >&2; die "Postfix refuses its settings"; }
	setsid postfix -c "$etc" start-fg >"$dir/log" 2>&1 &
	await_port Postfix "$port"
	peers+=("$(tr -d ' ' <"$dir/queue/pid/master.pid")")
	printf -v "${name}_port" %s "$port"
}

dovecot_start() {
	local dir=$W/boxes
	mkdir -p "$dir/mail"
	chown nobody "$dir/mail"
	settings dovecot.conf "$dir" 0 >"$dir/dovecot.conf"
	show_settings dovecot "$dir/dovecot.conf"
	setsid dovecot -F -c "$dir/dovecot.conf" >"$dir/dovecot.out" 2>&1 &
	for _ in $(seq 200); do [ -S "$dir/lmtp" ] && [ -s "$dir/dovecot/master.pid" ] && break; sleep 0.05; done
	[ -S "$dir/lmtp" ] || { cat "$dir/dovecot.out" "$dir/dovecot.log" >&2; die 'Dovecot does not serve'; }
	peers+=("$(cat "$dir/dovecot/master.pid")")
}

exim_start() {
	local dir=$W/exim
	mkdir -p "$dir/spool" "$dir/log"
	(cd "$dir" && apt-get download exim4-daemon-light >/dev/null 2>&1 && dpkg -x exim4-daemon-light_*.deb root) || return 1
	id Debian-exim >/dev/null 2>&1 || useradd -r -M -d /nonexistent -s /usr/sbin/nologin Debian-exim || return 1
	cp "$CERT/key.pem" "$CERT/exim-key.pem"
	chown -R Debian-exim "$dir/spool" "$dir/log" "$CERT/exim-key.pem"
	free_port
	exim_port=$port
	settings exim.conf "$dir" "$port" >"$dir/exim.conf"
	show_settings exim "$dir/exim.conf"
	setsid "$dir/root/usr/sbin/exim4" -C "$dir/exim.conf" -bdf -q30m >"$dir/out" 2>&1 &
	peers+=("$!")
	await_port Exim "$port"
}

nginx_start() {
	local dir=$W/nginx
	mkdir -p "$dir/www" "$dir/dav" "$dir/t"
	chmod 777 "$dir/dav" "$dir/t"
	head -c 4096 /dev/urandom >"$dir/www/m4k"
	head -c "$BYTES" /dev/urandom >"$dir/www/big"
	chmod 644 "$dir"/www/*
	free_port
	nginx_port=$port
	settings nginx.conf "$dir" "$port" >"$dir/nginx.conf"
	show_settings nginx "$dir/nginx.conf"
	setsid nginx -c "$dir/nginx.conf" 2>"$dir/out" &
	peers+=("$!")
	await_port nginx "$port"
}

# A sink that takes every mail and keeps none: what Pli's relayed notices go to.
sink_start() {
	free_port
	sink_port=$port
	smtp-sink -u nobody "127.0.0.1:$port" 1000 >"$W/sink.log" 2>&1 &
	peers+=("$!")
	await_port smtp-sink "$port"
}

# With everything that is missing said in one line.
peers_possible() {
	local missing=''
	[ "$(id -u)" -eq 0 ] || missing="$missing root"
	for command in postfix dovecot smtp-sink nginx curl openssl; do
		command -v "$command" >/dev/null || missing="$missing $command"
	done
	[ -z "$missing" ] || { say "no peers are measured, because these are missing:$missing (tools/deps bench installs them)"; return 1; }
}

peers_start() {
	peers_certificate
	postfix_start postfix discard:
	mkdir -p "$W/boxes"
	dovecot_start
	postfix_start boxes "lmtp:unix:$W/boxes/lmtp"
	exim_start || { exim_port=; say 'Exim could not be fetched: it is left out'; }
	nginx_start
}

peers_stop() {
	for pid in "${peers[@]}"; do
		kill -TERM "$pid" 2>/dev/null
		for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
	done
	peers=()
}

# Waits until a Postfix has nothing queued, and prints how long that took.
drained() { # NAME FIGURE
	local queue=$W/$1/queue from to
	from=$(date +%s.%N)
	while [ -n "$(find "$queue/incoming" "$queue/active" "$queue/deferred" -type f -print -quit 2>/dev/null)" ]; do sleep 0.05; done
	to=$(date +%s.%N)
	awk -v a="$from" -v b="$to" -v name="$2" 'BEGIN { printf "%s.tail %.3f s\n", name, b - a }'
}

mail_peer() { # NAME FIGURE PORT CLIENTS
	peer "$3"
	take "$W/load" smtp "${talk[@]}" --clients "$4" --seconds "$SECONDS_EACH" --name "$2"
	[ ! -d "$W/$1/queue" ] || take drained "$1" "$2"
}

# Messages whose boxes are all written, a second: those of the loop over the loop's and the queue's time.
boxes_rate() {
	awk -v name="$1" '$2 == name ".sent" { n = $3 } $2 == name ".tail" { t = $3 }
		END { printf "%s.stored %.1f /s\n", name, n / (t + '"$SECONDS_EACH"' + 0.5) }' <(grep "^$round " "$W/figures")
}

mail_peers() {
	mail_peer postfix postfix.c8 "$postfix_port" 8
	mail_peer postfix postfix.c64 "$postfix_port" 64
	mail_peer boxes postfix.dovecot.c8 "$boxes_port" 8
	take boxes_rate postfix.dovecot.c8
	mail_peer boxes postfix.dovecot.c64 "$boxes_port" 64
	take boxes_rate postfix.dovecot.c64
	[ -z "$exim_port" ] || mail_peer exim exim.c8 "$exim_port" 8
}

# curl [OPTION…]: MB/s of BYTES, by the time of the whole transfer
curl_rate() { # FIGURE CURL-OPTION…
	local figure=$1
	shift
	curl -sS --http2 --fail -o /dev/null -w '%{http_version} %{time_total}\n' "$@" |
		awk -v name="$figure" -v bytes="$BYTES" '$1 == 2 { printf "%s %.1f MB/s\n", name, bytes / $2 / 1e6; n = 1 } END { exit !n }'
}

file_peers() {
	peer "$nginx_port"
	take "$W/load" get "${talk[@]}" --path /m4k --clients 8 --seconds "$SECONDS_EACH" --name nginx.get.c8
	take "$W/load" put "${talk[@]}" --path /dav/up --size "$BYTES" --name nginx.upload
	rm -f "$W/nginx/dav/up"
	in_memory "$W/nginx/www/big"
	take "$W/load" fetch "${talk[@]}" --path /big --size "$BYTES" --name nginx.download
	take curl_rate nginx.h2.upload --cacert "$CERT/cert.pem" -T "$W/nginx/www/big" "https://localhost:$nginx_port/dav/up2"
	rm -f "$W/nginx/dav/up2"
	in_memory "$W/nginx/www/big"
	take curl_rate nginx.h2.download --cacert "$CERT/cert.pem" "https://localhost:$nginx_port/big"
}
