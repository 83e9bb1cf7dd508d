package main

import "strings"

// amendHIPAA records the one section of 45 CFR Part 164 that stands in the
// code but is not in force.
func amendHIPAA(r *row) {
	if r.ID == "164.509" {
		r.Note = "Vacated by the US District Court for the Northern District of Texas on 18 June 2025; listed, not enforced by default."
	}
}

// amendCCPA spells out the rows that stand for a range of sections, so that a
// section within the range finds its row.
func amendCCPA(r *row) {
	switch r.ID {
	case "CCC-1798.199.10-1798.199.100":
		r.First, r.Last = "1798.199.10", "1798.199.100"
	case "11CCR-7120-7124":
		r.First, r.Last = "11CCR-7120", "11CCR-7124"
	case "11CCR-7150-7157":
		r.First, r.Last = "11CCR-7150", "11CCR-7157"
	}
}

// amendOWASP lets the entries of the 2025 list be cited without the year.
func amendOWASP(r *row) {
	if short, _, ok := strings.Cut(r.ID, ":"); ok {
		r.Aliases = []string{short}
	}
}

// amendPCI gives a requirement the topic of the group it belongs to: the
// standard's own wording is copyrighted.
func amendPCI(r *row) {
	group := r.ID
	for parts := strings.Split(r.ID, "."); len(parts) > 2; parts = parts[:len(parts)-1] {
		group = strings.Join(parts[:2], ".")
	}
	r.Topic = pciTopics[group]
}

// pciTopics says in the project's own words what each group of PCI DSS 4
// requirements is about.
var pciTopics = map[string]string{
	"1.1":   "roles and procedures for network controls",
	"1.2":   "setting up and reviewing network controls",
	"1.3":   "traffic into and out of card data networks",
	"1.4":   "borders between trusted and untrusted networks",
	"1.5":   "devices that reach both outside and card data",
	"2.1":   "roles and procedures for secure settings",
	"2.2":   "hardened component settings",
	"2.3":   "wireless settings",
	"3.1":   "roles and procedures for stored card data",
	"3.2":   "keeping as little card data as possible",
	"3.3":   "no authentication data kept after authorization",
	"3.4":   "masking and copying of card numbers",
	"3.5":   "unreadable storage of card numbers",
	"3.6":   "protection of keys",
	"3.7":   "life cycle of keys",
	"4.1":   "roles and procedures for transmission",
	"4.2":   "encryption of card numbers in transit",
	"5.1":   "roles and procedures against malware",
	"5.2":   "malware prevention in place",
	"5.3":   "malware prevention active and watched",
	"5.4":   "defense against phishing",
	"6.1":   "roles and procedures for development",
	"6.2":   "own software written securely",
	"6.3":   "vulnerabilities found and patched",
	"6.4":   "public web applications protected",
	"6.5":   "changes under control",
	"7.1":   "roles and procedures for access",
	"7.2":   "access defined, granted and reviewed",
	"7.3":   "access enforced by a system",
	"8.1":   "roles and procedures for identification",
	"8.2":   "identities over their life",
	"8.3":   "authentication of people and administrators",
	"8.4":   "multi-factor authentication required",
	"8.5":   "multi-factor authentication set up safely",
	"8.6":   "application and system accounts",
	"9.1":   "roles and procedures for physical access",
	"9.2":   "entry to places with card data",
	"9.3":   "access of staff and visitors",
	"9.4":   "media with card data",
	"9.5":   "card reading devices",
	"10.1":  "roles and procedures for logging",
	"10.2":  "what audit logs record",
	"10.3":  "audit logs safe from change",
	"10.4":  "audit logs reviewed",
	"10.5":  "audit logs kept",
	"10.6":  "clocks in step",
	"10.7":  "failures of security controls noticed",
	"11.1":  "roles and procedures for testing",
	"11.2":  "wireless access points found",
	"11.3":  "vulnerability scans",
	"11.4":  "penetration tests and segmentation",
	"11.5":  "intrusions and changed files noticed",
	"11.6":  "changed payment pages noticed",
	"12.1":  "security policy",
	"12.2":  "acceptable use of technology",
	"12.3":  "targeted risk analysis",
	"12.4":  "compliance program",
	"12.5":  "scope of card data environment",
	"12.6":  "security awareness",
	"12.7":  "screening of staff",
	"12.8":  "service providers overseen",
	"12.9":  "service providers support customers",
	"12.10": "incident response",
}
