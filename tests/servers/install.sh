#!/bin/sh
# Install the servers and tools that the tests' real parts need, from Debian's (or Ubuntu's) packages.
#
# Only what is missing is installed; a second run asks dpkg once and ends. Nothing is started as a system
# service: the tests start their own, on loopback ports, in temporary folders. Must run as root.
# Arguments, if any, are further packages to install. The authorisation server comes from npm, into the checkout.
set -eu
cd "$(dirname "$0")"

packages="
  dbus gnome-keyring libsecret-tools
  dovecot-core dovecot-imapd dovecot-lmtpd dovecot-managesieved dovecot-pop3d dovecot-sieve
  postfix
  curl fetchmail libauthen-sasl-perl libnet-ssleay-perl msmtp swaks
  bsd-mailx cron git-email libmailtools-perl php-cli
  tmux zsh
  $*
"
# Node.js may come from elsewhere, with an npm of its own, which Debian's package conflicts with.
command -v node >/dev/null || packages="$packages nodejs"
command -v npm >/dev/null || packages="$packages npm"

missing=
# dpkg-query lists on standard error what it has never heard of: absent there is missing here.
installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' $packages 2>/dev/null || true)
for package in $packages; do
  case "
$installed
" in
    *"
$package installed
"*) ;;
    *) missing="$missing $package" ;;
  esac
done
if [ -n "$missing" ]; then
  export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true

  # Packages ask this script before they start a service; one that is already there is the machine's own policy.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi

  case " $missing " in
    *" postfix "*) echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections ;;
  esac

  install_missing() {
    # The lock's time-out lets a machine's own unattended upgrade finish first.
    apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold \
      install --no-install-recommends $missing </dev/null
  }

  echo "tests/servers/install.sh: installing$missing"
  # The lists of a long-lived machine may name versions that the mirror has dropped, those of a bare one are empty.
  if ! install_missing >/dev/null 2>&1; then
    apt-get -q -y -o DPkg::Lock::Timeout=120 update
    install_missing
  fi
fi

cd authorisation
lock=node_modules/installed-package-lock.json
if ! cmp -s package-lock.json "$lock"; then
  echo 'tests/servers/install.sh: installing the packages of tests/servers/authorisation'
  if npm ci --fetch-retries=1 --loglevel=error; then
    cp package-lock.json "$lock"
  else
    echo 'tests/servers/install.sh: npm ci has failed; tests that need oidc-provider are skipped' >&2
  fi
fi
