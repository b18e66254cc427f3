package observe

import (
	"net"
	"net/netip"
)

// At is the same way in to another server, addr as host:port: user, password, name and TLS stay as they are, the database does not.
//
// A certificate is checked for the other server's own name, unless another name than that of o's server was asked for. Where only
// the other one is known by a number, a certificate is for the name: that is what whoever made it had.
func (o Options) At(addr string) Options {
	host, _, _ := net.SplitHostPort(addr)
	asked, _, _ := net.SplitHostPort(o.Addr)
	o.Network, o.Addr, o.DB = "", addr, 0
	if o.TLS == nil {
		return o
	}
	conf := o.TLS.Clone()
	chosen := conf.ServerName != "" && conf.ServerName != asked
	if !chosen && (!isIP(host) || isIP(asked) || asked == "") {
		conf.ServerName = host
	} else if !chosen {
		conf.ServerName = asked
	}
	o.TLS = conf
	return o
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
