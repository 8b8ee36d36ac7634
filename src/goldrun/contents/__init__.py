"""What is inside an image: its packages, their bill of materials, and the advisories about them."""
