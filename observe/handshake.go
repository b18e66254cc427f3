package observe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// probeTime is kept back of a handshake's time, to find out whether a silent port speaks Redis without TLS.
const probeTime = time.Second

// shake turns nc into a TLS connection. asked reports whether the server asked for a certificate of ours.
func (o Options) shake(ctx context.Context, nc net.Conn) (secure *tls.Conn, asked *bool, err error) {
	conf := o.TLS.Clone()
	if conf.ServerName == "" && !conf.InsecureSkipVerify {
		conf.ServerName, _, _ = net.SplitHostPort(o.Addr)
	}
	asked = new(bool)
	own := conf.Certificates
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		*asked = true
		if len(own) == 0 {
			return &tls.Certificate{}, nil
		}
		// Shown also where the server names other authorities: then it says what it holds against it.
		return &own[0], nil
	}
	secure = tls.Client(nc, conf)
	within, cancel := beforeEnd(ctx, probeTime)
	defer cancel()
	if err := secure.HandshakeContext(within); err != nil {
		_ = nc.Close()
		return nil, asked, o.shakeFault(ctx, within, err, *asked)
	}
	return secure, asked, nil
}

// beforeEnd ends some time before ctx does, if ctx leaves as much.
func beforeEnd(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) > 2*by {
		return context.WithDeadline(ctx, end.Add(-by))
	}
	return context.WithCancel(ctx)
}

// shakeFault says why a handshake failed.
func (o Options) shakeFault(ctx, within context.Context, err error, asked bool) error {
	if header := (tls.RecordHeaderError{}); errors.As(err, &header) {
		first := string(header.RecordHeader[:])
		switch {
		case first == "-ERR " || first == "-DENI":
			// Redis without TLS says this much by itself only to whom it does not let in.
			return fmt.Errorf("%w, with %q", ErrSpeaksPlain, strings.TrimSpace(first))
		case strings.HasPrefix(first, "-") || strings.HasPrefix(first, "+"):
			return ErrSpeaksPlain
		}
		return fmt.Errorf("TLS: %w", err)
	}
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		return fmt.Errorf("TLS: %w", plainer(err))
	}
	if said, ok := alert(err); ok {
		return certificateFault(said, asked, len(o.TLS.Certificates) > 0)
	}
	// A full Redis closes before the handshake, without a byte.
	if isHangup(err) {
		return fmt.Errorf("%w (TLS: %w)", ErrClosed, err)
	}
	late := within.Err() != nil || isTimeout(err)
	if late && ctx.Err() == nil && o.answersPlain(ctx) {
		return ErrSpeaksPlain
	}
	return wall(within, fmt.Errorf("TLS: %w", err), ErrSilent)
}

// answersPlain reports whether the port answers a PING without TLS. A greeting of TLS does not make Redis say anything: it waits for
// the end of a line.
func (o Options) answersPlain(ctx context.Context) bool {
	nc, err := o.dialer()(ctx, o.network(), o.Addr)
	if err != nil {
		return false
	}
	defer nc.Close()
	if end, ok := ctx.Deadline(); ok {
		_ = nc.SetDeadline(end)
	}
	if _, err := io.WriteString(nc, "PING\r\n"); err != nil {
		return false
	}
	first := make([]byte, 1)
	_, err = io.ReadFull(nc, first)
	return err == nil && (first[0] == '+' || first[0] == '-')
}

// greetsTLS reports whether the port answers a greeting of TLS. Redis closes a connection that does not begin with one without a word,
// as a full one does.
func (o Options) greetsTLS(ctx context.Context) bool {
	nc, err := o.dialer()(ctx, o.network(), o.Addr)
	if err != nil {
		return false
	}
	defer nc.Close()
	err = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) // nothing is said to it
	if err == nil {
		return true
	}
	_, said := alert(err)
	return said
}

// afterShake explains the failure of the first commands over TLS. Only now do some servers say that they want another
// certificate; and whoever is let shake hands has a slot, so that a close says nothing of the limit.
func (o Options) afterShake(err error, asked bool) error {
	if said, ok := alert(err); ok {
		return certificateFault(said, asked, len(o.TLS.Certificates) > 0)
	}
	if !errors.Is(err, ErrClosed) {
		return err
	}
	if asked && len(o.TLS.Certificates) == 0 {
		return fmt.Errorf("%w: it asked for one, and closed the connection when there was none", ErrCertificate)
	}
	return fmt.Errorf("closed after the TLS handshake: %v", err) //nolint:errorlint // not ErrClosed any more: it is not the limit
}

// alert returns what the other side said in a TLS alert. Go has no type of it for others to see.
func alert(err error) (said string, ok bool) {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "remote error" {
		return strings.TrimPrefix(op.Err.Error(), "tls: "), true
	}
	return "", false
}

// ofCertificates are the alerts that are about our certificate. TLS 1.2 has only a failed handshake for one that is missing.
var ofCertificates = []string{
	"certificate required", "bad certificate", "unknown certificate", "unknown certificate authority", "expired certificate",
	"revoked certificate", "unsupported certificate", "access denied",
}

func certificateFault(said string, asked, shown bool) error {
	switch {
	case slices.Contains(ofCertificates, said) && shown:
		return fmt.Errorf("%w: it refused ours (%s)", ErrCertificate, said)
	case slices.Contains(ofCertificates, said), asked && !shown && said == "handshake failure":
		return fmt.Errorf("%w (%s)", ErrCertificate, said)
	}
	return fmt.Errorf("TLS: the server said: %s", said)
}

// plainer puts what is wrong with the server's certificate into words that say which it is.
func plainer(err error) error {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var failed *tls.CertificateVerificationError
	switch {
	case errors.As(err, &failed) && errors.As(err, &unknown) && len(failed.UnverifiedCertificates) > 0:
		leaf := failed.UnverifiedCertificates[0]
		return fmt.Errorf("the server's certificate (%s) is signed by %s, and no authority behind it is trusted here: %w", subject(leaf), signer(leaf), unknown)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return fmt.Errorf("the server's certificate (%s) is valid from %s to %s, and it is %s: %w", subject(invalid.Cert),
			invalid.Cert.NotBefore.UTC().Format(time.DateTime), invalid.Cert.NotAfter.UTC().Format(time.DateTime), time.Now().UTC().Format(time.DateTime), expired{invalid})
	case errors.As(err, &host) && host.Certificate != nil:
		return mismatch{host}
	}
	return err
}

// expired is said shorter: the times stand before it.
type expired struct{ x509.CertificateInvalidError }

func (expired) Error() string   { return "certificate has expired or is not yet valid" }
func (e expired) Unwrap() error { return e.CertificateInvalidError }

// mismatch names all that a certificate is for.
type mismatch struct{ x509.HostnameError }

func (m mismatch) Error() string {
	has := names(m.Certificate)
	for i, n := range has {
		has[i] = fmt.Sprintf("%.100q", n)
	}
	switch n := len(has); {
	case n == 0:
		return fmt.Sprintf("the server's certificate is not for %s: it has no name but its common name %.100q", m.Host, m.Certificate.Subject.CommonName)
	case n > 8:
		has = append(has[:8], fmt.Sprintf("and %d more", n-8))
	}
	return fmt.Sprintf("the server's certificate is not for %s, but for %s", m.Host, strings.Join(has, ", "))
}

func (m mismatch) Unwrap() error { return m.HostnameError }

func subject(c *x509.Certificate) string { return fmt.Sprintf("%.100q", c.Subject.CommonName) }

func signer(c *x509.Certificate) string {
	if c.Issuer.String() == c.Subject.String() {
		return "itself"
	}
	return fmt.Sprintf("%.100q", c.Issuer.CommonName)
}
