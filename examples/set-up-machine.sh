#!/bin/sh
# Set up the mail of a machine: its server, the account that its programs send from, and the proof that both work.
# Run it as often as you like, from configuration management, say: what is as it should be stays untouched.
#
#     MAIL_HOST=mail.example.org MAIL_ADDRESS=www@example.org MAIL_PASSWORD_FILE=/etc/mailctl/password set-up-machine.sh
#
# The password stays in its file; the settings name the file. Exit codes are those of mailctl: 12, say, is a login that
# was refused.
set -eu

: "${MAIL_HOST:?name the mail server}"
: "${MAIL_ADDRESS:?name the address that this machine sends from}"
: "${MAIL_PASSWORD_FILE:?name the file that holds its password}"

set -- --name "Mail of this organisation" \
    --smtp-host "$MAIL_HOST" --smtp-port "${SMTP_PORT:-587}" --smtp-security starttls --smtp-auth auto \
    --incoming-protocol imap --incoming-host "$MAIL_HOST" --incoming-port "${IMAP_PORT:-993}" --incoming-security tls \
    ${MAIL_CA_FILE:+--ca-file "$MAIL_CA_FILE"}

# Exit code 4: the server is there, with other values.
mailctl server add office --if-not-exists "$@" || {
    code=$?
    [ "$code" -eq 4 ] || exit "$code"
    mailctl server edit office "$@"
}

mailctl sysmail set --server office --address "$MAIL_ADDRESS" \
    --username "${MAIL_USERNAME:-$MAIL_ADDRESS}" --password-from "file:$MAIL_PASSWORD_FILE"

mailctl test all
