#!/bin/sh
# Ask Seatguard over HTTP before and after creating a user.
#
#   sh client.sh http://127.0.0.1:8000 yourdomain.com john_doe
#
# The API key is read from SEATGUARD_API_KEY. Ends with 0 when the user has a seat, 1 when there is none to give, 2 when
# nobody could tell. Put the names through a JSON encoder if they may hold quotes or backslashes.
set -u
url=$1 domain=$2 username=$3
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

post() {
    # The body comes by standard input, not as an argument: arguments are seen by everybody on the machine.
    printf '{"api_key": "%s", "domain": "%s"%s}' "$SEATGUARD_API_KEY" "$domain" "$2" |
        curl --silent --show-error --max-time 5 --retry 3 --retry-connrefused \
            --header 'Content-Type: application/json' --header "Idempotency-Key: $username-$$-$1" \
            --data @- --output "$answer" --write-out '%{http_code}' "$url/api/v1/$1"
}

say() {
    cat "$answer"
    echo
}

status=$(post validate-subscription '') || exit 2
say
case $status in
200 | 403) ;;
*) exit 2 ;;
esac

status=$(post register-user ", \"username\": \"$username\"") || exit 2
say
case $status in
200) exit 0 ;;
403) exit 1 ;;
*) exit 2 ;;
esac
