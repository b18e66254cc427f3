package observe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// TLSFiles say what TLS needs beyond an address: files in PEM, as redis-cli takes them. The zero value trusts the roots
// of the system and shows no certificate of ours.
type TLSFiles struct {
	CA       string // the authorities to trust instead of the system's
	Cert     string // our certificate, those between it and its authority after it; with Key
	Key      string // not encrypted: nobody is asked for a passphrase
	Name     string // whom the server's certificate has to name, also sent as SNI; empty is the host of the address
	Insecure bool   // takes any certificate of the server: whoever is in between reads the password
}

// Config reads the files. An error names the file and what is wrong with it, and shows nothing of a key.
func (f TLSFiles) Config(host string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(f.Name, host), InsecureSkipVerify: f.Insecure}
	if f.CA != "" {
		pool, err := authorities(f.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = pool
	}
	if f.Cert != "" || f.Key != "" {
		pair, err := keyPair(f.Cert, f.Key)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	if f.Name != "" && !f.Insecure {
		// What Go itself checks cannot be told of common names, so it is switched off and done below instead.
		conf.InsecureSkipVerify = true
		conf.VerifyConnection = func(state tls.ConnectionState) error { return verify(state, conf.RootCAs, f.Name) }
	}
	return conf, nil
}

// verify checks the chain and the name as Go does, and takes one thing more: a certificate that has no names but its
// common name, as redis's own gen-test-certs.sh makes them, where a person gave exactly that name.
func verify(state tls.ConnectionState, roots *x509.CertPool, name string) error {
	leaf := state.PeerCertificates[0]
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), DNSName: name}
	for _, c := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	if len(names(leaf)) == 0 && leaf.Subject.CommonName == name {
		o.DNSName = ""
	}
	if _, err := leaf.Verify(o); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// names are those that a certificate is for.
func names(c *x509.Certificate) []string {
	list := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

func authorities(path string) (*x509.CertPool, error) {
	data, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s: want certificates in PEM (-----BEGIN CERTIFICATE-----), found %s", path, blocks(data))
	}
	return pool, nil
}

func keyPair(cert, key string) (tls.Certificate, error) {
	certData, err := readPEM(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyData, err := readPEM(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if !strings.Contains(blocks(certData), "CERTIFICATE") {
		return tls.Certificate{}, fmt.Errorf("%s: want a certificate in PEM (-----BEGIN CERTIFICATE-----), found %s", cert, blocks(certData))
	}
	if encrypted(keyData) {
		return tls.Certificate{}, fmt.Errorf("%s is encrypted, and nobody is asked for its passphrase: decrypt it into a file of yours alone, with openssl pkey -in %[1]s -out FILE", key)
	}
	if !strings.Contains(blocks(keyData), "PRIVATE KEY") {
		return tls.Certificate{}, fmt.Errorf("%s: want a private key in PEM (-----BEGIN PRIVATE KEY-----), found %s", key, blocks(keyData))
	}
	pair, err := tls.X509KeyPair(certData, keyData)
	switch {
	case err != nil && strings.Contains(err.Error(), "does not match"):
		return tls.Certificate{}, fmt.Errorf("%s is not the key of the certificate in %s", key, cert)
	case err != nil:
		return tls.Certificate{}, fmt.Errorf("%s and %s: %w", cert, key, err)
	}
	return pair, nil
}

// mostPEM bounds a file: /dev/zero must end, and no bundle of authorities is that large.
const mostPEM = 8 << 20

// readPEM reads a file whole. Errors of the operating system name it.
func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, want a file in PEM", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, mostPEM+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > mostPEM:
		return nil, fmt.Errorf("%s has more than %d MB, want a file in PEM", path, mostPEM>>20)
	case len(data) == 0:
		return nil, fmt.Errorf("%s is empty, want a file in PEM", path)
	}
	return data, nil
}

// blocks names the blocks of a file in PEM, never their content.
func blocks(data []byte) string {
	var list []string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		list = append(list, block.Type)
	}
	if len(list) == 0 {
		return "nothing in PEM"
	}
	return strings.Join(list, ", ")
}

func encrypted(data []byte) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

// What stands in the way of TLS, apart from the certificate of the server.
var (
	// ErrSpeaksTLS: the port answers with TLS, and was spoken to without.
	ErrSpeaksTLS = errors.New("this port speaks TLS")
	// ErrSpeaksPlain: the port answers as Redis does without TLS, and was spoken to with it.
	ErrSpeaksPlain = errors.New("this port speaks no TLS: it answers as Redis does without")
	// ErrCertificate: the server wants a client certificate that it trusts, and has none of ours, or refused it.
	ErrCertificate = errors.New("the server wants a client certificate that it trusts")
)
