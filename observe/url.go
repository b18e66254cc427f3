package observe

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// errURL says nothing of the text it is about: a password with a special character moves to where nobody looks for one.
var errURL = errors.New("not a Redis URL: write redis://[user:password@]host[:port][/db], rediss://… or unix:///path, " +
	"with special characters of a password as %XX")

// ParseURL reads redis://, rediss:// (TLS) and unix:// URLs. What it does not know it refuses; no error shows a password.
func ParseURL(text string) (Options, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		return Options{}, errURL
	}
	var o Options
	if u.User != nil {
		o.Username = u.User.Username()
		var ok bool
		if o.Password, ok = u.User.Password(); !ok {
			return Options{}, errors.New("redis URL: one word before the @ is a user to some and a password to others: write user:password@ or :password@")
		}
	}
	switch u.Scheme {
	case "redis", "rediss":
		err = o.inet(u)
	case "unix":
		err = o.unix(u)
	default:
		err = errURL
	}
	if err != nil {
		return Options{}, err
	}
	return o, nil
}

func (o *Options) inet(u *url.URL) error {
	if u.Hostname() == "" {
		return errors.New("redis URL: no host")
	}
	if u.RawQuery != "" {
		return errors.New("redis URL: parameters after ? are not supported")
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return errors.New("redis URL: the port is not a number from 1 to 65535")
	}
	o.Network, o.Addr = "tcp", net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "rediss" {
		o.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	return o.database(strings.Trim(u.Path, "/"))
}

func (o *Options) unix(u *url.URL) error {
	if u.Host != "" || u.Path == "" {
		return errors.New("redis URL: write unix:///absolute/path of the socket, with three slashes")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errURL
	}
	db := query.Get("db")
	query.Del("db")
	if len(query) > 0 {
		return errors.New("redis URL: of a unix socket only the parameter db is supported")
	}
	o.Network, o.Addr = "unix", u.Path
	return o.database(db)
}

func (o *Options) database(text string) error {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("redis URL: the database after the last / is not a number")
	}
	o.DB = n
	return nil
}

// String writes o as a URL, without its password.
func (o Options) String() string {
	var u url.URL
	switch {
	case o.network() == "unix":
		u.Scheme, u.Path = "unix", o.Addr
		if o.DB != 0 {
			u.RawQuery = "db=" + strconv.Itoa(o.DB)
		}
	default:
		u.Scheme, u.Host = "redis", o.Addr
		if o.TLS != nil {
			u.Scheme = "rediss"
		}
		if o.DB != 0 {
			u.Path = "/" + strconv.Itoa(o.DB)
		}
	}
	switch {
	case o.Password != "":
		u.User = url.UserPassword(o.Username, "xxxxx")
	case o.Username != "":
		u.User = url.UserPassword(o.Username, "")
	}
	return u.String()
}

// GoString keeps the password out of %#v as well.
func (o Options) GoString() string { return "observe.Options(" + o.String() + ")" }
