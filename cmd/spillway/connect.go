package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/profile"
)

// connectFlags are the flags that say how to get into a live Redis, beside its URL.
func connectFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("user", "", "ACL user to log in as, where the URL names none")
	f.String("password-file", "", "file with the password; else SPILLWAY_PASSWORD, REDISCLI_AUTH or the URL has it")
	f.String("tls-ca", "", "authorities to trust for rediss://, in PEM (default: the system's)")
	f.String("tls-cert", "", "our certificate in PEM, with --tls-key")
	f.String("tls-key", "", "our key in PEM, not encrypted")
	f.String("tls-name", "", "name that the server's certificate must have (default: the URL's host); sent as SNI")
	f.Bool("tls-insecure", false, "take any certificate of the server: whoever is in between can read the password")
	f.String("profile", "", "send and print only what this service allows: "+strings.Join(profile.Names(), ", "))
	check(cmd, "profile", knownProfile)
	complete(cmd, "profile", cobra.FixedCompletions(profile.Names(), cobra.ShellCompDirectiveNoFileComp))
	for _, name := range tlsFiles {
		complete(cmd, name, cobra.FixedCompletions([]string{"pem", "crt", "key"}, cobra.ShellCompDirectiveFilterFileExt))
	}
}

var (
	tlsFiles = []string{"tls-ca", "tls-cert", "tls-key"}
	tlsFlags = append(tlsFiles[:3:3], "tls-name", "tls-insecure")
	wayFlags = append(tlsFlags[:5:5], "user", "password-file")
)

func knownProfile(text string) error {
	if _, err := profile.Find(text); text == "" || err == nil {
		return nil
	}
	want := strings.Join(profile.Names(), ", ")
	for _, name := range profile.Names() {
		if levenshtein.Distance(text, name, nil) < 4 || strings.HasPrefix(name, text) && text != "" {
			return fmt.Errorf("%s; did you mean %s?", want, name)
		}
	}
	return errors.New(want)
}

// service is the profile that was asked for; its zero value is a Redis of one's own.
func service(v *viper.Viper) profile.Profile {
	p, _ := profile.Find(v.GetString("profile")) // the flag takes no other
	return p
}

// access turns a URL, flags and environment into what observe.Dial takes. Nothing is sent yet. What a person should know of it is said
// on stderr; no message has the password.
func access(v *viper.Viper, url string) (observe.Options, error) {
	o, err := observe.ParseURL(url)
	if err != nil {
		return o, usage(err.Error(), "for example redis://10.0.0.5:6379, with the password in SPILLWAY_PASSWORD or --password-file, and the user in --user")
	}
	if err := login(v, &o); err != nil {
		return o, err
	}
	if err := secure(v, &o); err != nil {
		return o, err
	}
	if p := service(v); p.Name != "" {
		o.Allow = p.Guard
	}
	return o, nil
}

// login says as whom: a flag beats the environment, which beats the URL. Two users are a mistake that only a person can settle.
func login(v *viper.Viper, o *observe.Options) error {
	if user := v.GetString("user"); user != "" {
		if o.Username != "" && o.Username != user {
			return usage(fmt.Sprintf("--user is %s, and the URL has the user %s", user, o.Username), "name one of them")
		}
		o.Username = user
	}
	password, from, err := password(v)
	if err != nil || from == "" {
		return err
	}
	if o.Password != "" && o.Password != password {
		fmt.Fprintf(os.Stderr, "the password is that of %s, not the one in the URL\n", from)
	}
	o.Password = password
	return nil
}

// password is the one from outside the URL, and where it was; from is empty where there is none.
func password(v *viper.Viper) (text, from string, err error) {
	if path := v.GetString("password-file"); path != "" {
		text, err = readPassword(path)
		return text, "--password-file", err
	}
	for _, name := range []string{"SPILLWAY_PASSWORD", "REDISCLI_AUTH"} {
		if text := os.Getenv(name); text != "" {
			return text, name, nil
		}
	}
	return "", "", nil
}

// mostPassword bounds a file that may be no password at all.
const mostPassword = 4096

// readPassword reads the one line of a file. Errors do not repeat the name: it may be the password itself, given by mistake.
func readPassword(path string) (string, error) {
	wrong := func(what string) error {
		return usage("--password-file: "+what, "it names a file with one line, the password; - for standard input is not supported")
	}
	if path == "-" {
		return "", wrong("- is no file")
	}
	f, err := os.Open(path)
	if err != nil {
		if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return "", wrong(err.Error())
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		return "", wrong("it is a folder")
	}
	data, err := io.ReadAll(io.LimitReader(f, mostPassword+1))
	if err != nil {
		return "", wrong("it cannot be read")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case text == "":
		return "", wrong("it is empty")
	case len(data) > mostPassword, strings.ContainsAny(text, "\r\n"):
		return "", wrong("it has more than one line")
	}
	if info != nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		fmt.Fprintln(os.Stderr, "--password-file: everybody on this machine can read it; chmod 600 would keep it yours")
	}
	return text, nil
}

// secure reads what TLS needs.
func secure(v *viper.Viper, o *observe.Options) error {
	files := observe.TLSFiles{
		CA: v.GetString("tls-ca"), Cert: v.GetString("tls-cert"), Key: v.GetString("tls-key"), Name: v.GetString("tls-name"), Insecure: v.GetBool("tls-insecure"),
	}
	if o.TLS == nil {
		for _, name := range tlsFlags {
			if value := v.GetString(name); value != "" && value != "false" {
				return usage(fmt.Sprintf("--%s is for TLS, and %s speaks none", name, o), "write rediss://… for TLS, or leave the flag out")
			}
		}
		return nil
	}
	switch {
	case files.Cert != "" && files.Key == "":
		return usage("--tls-cert without --tls-key", "both, or neither; a file that holds both is named twice")
	case files.Key != "" && files.Cert == "":
		return usage("--tls-key without --tls-cert", "both, or neither; a file that holds both is named twice")
	case files.Insecure && (files.CA != "" || files.Name != ""):
		return usage("--tls-insecure takes any certificate, so that --tls-ca and --tls-name would check nothing", "leave --tls-insecure out")
	}
	conf, err := files.Config(o.TLS.ServerName)
	if err != nil {
		return usage("TLS: "+err.Error(), "--tls-ca, --tls-cert and --tls-key name files in PEM")
	}
	if files.Insecure {
		fmt.Fprintln(os.Stderr, "WARNING: --tls-insecure: nobody checks that this is your Redis; whoever is in between can read the password, and all else")
	}
	o.TLS = conf
	return nil
}

// unreachable is what to try where the way in is closed for good.
func unreachable(v *viper.Viper, o observe.Options, err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, observe.ErrSilent):
		return "Redis is busy or frozen, or has no file descriptor left to accept with; on its machine `ss -ltn` shows who waits (Recv-Q), and " +
			"`ls /proc/PID/fd | wc -l` beside `grep 'open files' /proc/PID/limits` whether files ran out: spillway diagnose URL --pid PID reads both"
	case errors.Is(err, observe.ErrUnanswered):
		return "a firewall, a dead host, or a listen queue that overflows: on its machine `nstat -az TcpExtListenOverflows`, twice, shows whether that grows"
	case errors.Is(err, observe.ErrDenied) && strings.Contains(err.Error(), "no password is set"), strings.Contains(err.Error(), "without any password configured"):
		return "this Redis has no password: leave out " + cmp.Or(passwordFrom(v), "the one in the URL")
	case errors.Is(err, observe.ErrDenied):
		return "the password is read from --password-file, SPILLWAY_PASSWORD, REDISCLI_AUTH or the URL, in this order" +
			here(v, o) + "; a user's name comes from --user or the URL"
	case errors.Is(err, observe.ErrSpeaksTLS):
		return "write rediss:// instead of " + o.String()[:strings.Index(o.String(), ":")] + "://"
	case errors.Is(err, observe.ErrSpeaksPlain):
		return "write redis:// instead of rediss://, or name the port that speaks TLS"
	case errors.Is(err, observe.ErrCertificate):
		return "--tls-cert FILE and --tls-key FILE name a certificate and its key; its authority has to be in tls-ca-cert-file of the server"
	case errors.As(err, &unknown):
		return "--tls-ca FILE names the certificate of the authority to trust, as --cacert of redis-cli does"
	case errors.As(err, &host):
		return "--tls-name NAME with one of the names that it has, if this is the server you mean"
	case errors.As(err, &invalid):
		return "the server needs a new certificate; until then --tls-insecure looks at it unchecked"
	}
	return "is the address right, and does Redis answer redis-cli there?"
}

// here says where the password came from.
func here(v *viper.Viper, o observe.Options) string {
	switch from := passwordFrom(v); {
	case from != "":
		return ": here it is that of " + from
	case o.Password != "":
		return ": here it is that of the URL"
	}
	return ": here there is none"
}

func passwordFrom(v *viper.Viper) string {
	_, from, _ := password(v)
	return from
}

// spelledElsewhere are flags of redis-cli, and what they are called here.
var spelledElsewhere = map[string]string{
	"cacert": "--tls-ca", "cacertdir": "--tls-ca, with the certificates in one file", "cert": "--tls-cert", "key": "--tls-key", "sni": "--tls-name",
	"insecure": "--tls-insecure", "tls": "rediss:// in the URL", "pass": "--password-file", "askpass": "--password-file", "password": "--password-file",
	"username": "--user", "host": "the URL: redis://HOST:PORT", "port": "the URL: redis://HOST:PORT",
	"a": "--password-file, or SPILLWAY_PASSWORD", "u": "the URL without a flag", "p": "the URL: redis://HOST:PORT", "s": "unix:///path of the socket",
	"n": "the URL: redis://HOST:PORT/DB",
}
